//! Schedules: of connections (`/connections/{id}/schedule`) and of the organisation (`/schedules`).
//!
//! Postgres first, then Temporal at once. If Temporal is away the row stands, and the reconciler tells Temporal later.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt, TryStreamExt};
use ovia_domain::{
    ConnectionId, RunKind,
    schedule::{schedulable_per_connection, schedulable_per_org},
};
use ovia_store::{PageOf, schedules::ScheduleRow};
use ovia_workflows::{EngineError, schedules::ScheduleTarget};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    auth::Caller,
    body::Body,
    kill_switch,
    names::Name,
    page::{ListOf, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
};

mod parse;
mod types;

use types::{Around, ScheduleIn, ScheduleOut};

pub(crate) struct SchedulesApi(pub ApiState);

/// Runs shown with one schedule.
const RECENT_RUNS: i64 = 10;
/// Schedules of a list that are asked about at once.
const CONCURRENCY: usize = 8;

#[derive(ApiResponse)]
enum Triggered {
    /// Temporal starts it now. If its last run has not ended, its overlap policy decides; the newest of `recent_runs` tells what came
    /// of it. `stopped_by` says so when the run will be skipped.
    #[oai(status = 202)]
    Triggered(Json<ScheduleOut>),
}

#[derive(ApiResponse)]
enum Removed {
    /// Gone. A run that is under way goes on.
    #[oai(status = 204)]
    Removed,
}

/// Whose schedule, and of what.
type Of = (Option<ConnectionId>, RunKind);

#[OpenApi(tag = "Tag::Schedules")]
impl SchedulesApi {
    /// The schedule of a connection
    #[oai(path = "/connections/:id/schedule", method = "get", operation_id = "connection_schedule_fetch")]
    async fn connection_fetch(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        /// `sync` (if not given) or `census`.
        kind: Query<Option<Name<RunKind>>>,
    ) -> Result<Json<ScheduleOut>, Problem> {
        let of = self.of_connection(&caller, id.0, kind.0).await?;
        self.fetch(&caller, of).await
    }

    /// Schedule a connection
    ///
    /// Replaces the schedule there is. `cron` is read in `time_zone`; an `interval` counts from midnight UTC of 1970.
    #[oai(path = "/connections/:id/schedule", method = "put", operation_id = "connection_schedule_put")]
    async fn connection_put(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        /// `sync` (if not given) or `census`.
        kind: Query<Option<Name<RunKind>>>,
        body: Body<ScheduleIn>,
    ) -> Result<Json<ScheduleOut>, Problem> {
        let of = self.of_connection(&caller, id.0, kind.0).await?;
        self.put(&caller, of, body.0).await
    }

    /// Unschedule a connection
    #[oai(path = "/connections/:id/schedule", method = "delete", operation_id = "connection_schedule_delete")]
    async fn connection_delete(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        /// `sync` (if not given) or `census`.
        kind: Query<Option<Name<RunKind>>>,
    ) -> Result<Removed, Problem> {
        let of = self.of_connection(&caller, id.0, kind.0).await?;
        self.delete(&caller, of).await
    }

    /// Start a connection's scheduled run now
    ///
    /// Twice within one second is once.
    #[oai(path = "/connections/:id/schedule/trigger", method = "post", operation_id = "connection_schedule_trigger")]
    async fn connection_trigger(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        /// `sync` (if not given) or `census`.
        kind: Query<Option<Name<RunKind>>>,
    ) -> Result<Triggered, Problem> {
        let of = self.of_connection(&caller, id.0, kind.0).await?;
        self.trigger(&caller, of).await
    }

    /// List schedules, oldest first
    ///
    /// Those of connections and those of the organisation.
    #[oai(path = "/schedules", method = "get", operation_id = "schedules_list")]
    async fn list(
        &self,
        caller: Caller,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<ScheduleOut>>, Problem> {
        let PageOf { items, next_cursor } = self.0.config.store.schedules_list(caller.org_id(), &page(limit.0, cursor.0)).await?;
        let away = AtomicBool::new(false);
        let outs = futures::stream::iter(items).map(|row| self.out(&caller, row, &away)).buffered(CONCURRENCY);
        Ok(Json(ListOf { items: outs.try_collect().await?, next_cursor }))
    }

    /// A schedule of the organisation
    #[oai(path = "/schedules/:kind", method = "get", operation_id = "schedule_fetch")]
    async fn org_fetch(
        &self,
        caller: Caller,
        /// `matching`, `kpi_rollup`, `quality`, `report` or `retention`.
        kind: Path<String>,
    ) -> Result<Json<ScheduleOut>, Problem> {
        self.fetch(&caller, of_org(&kind.0)?).await
    }

    /// Schedule work of the organisation
    ///
    /// Replaces the schedule there is. Matching and rollups also run by themselves after every sync that succeeded.
    #[oai(path = "/schedules/:kind", method = "put", operation_id = "schedule_put")]
    async fn org_put(
        &self,
        caller: Caller,
        /// `matching`, `kpi_rollup`, `quality`, `report` or `retention`.
        kind: Path<String>,
        body: Body<ScheduleIn>,
    ) -> Result<Json<ScheduleOut>, Problem> {
        self.put(&caller, of_org(&kind.0)?, body.0).await
    }

    /// Unschedule work of the organisation
    #[oai(path = "/schedules/:kind", method = "delete", operation_id = "schedule_delete")]
    async fn org_delete(
        &self,
        caller: Caller,
        /// `matching`, `kpi_rollup`, `quality`, `report` or `retention`.
        kind: Path<String>,
    ) -> Result<Removed, Problem> {
        self.delete(&caller, of_org(&kind.0)?).await
    }

    /// Start scheduled work of the organisation now
    ///
    /// Twice within one second is once.
    #[oai(path = "/schedules/:kind/trigger", method = "post", operation_id = "schedule_trigger")]
    async fn org_trigger(
        &self,
        caller: Caller,
        /// `matching`, `kpi_rollup`, `quality`, `report` or `retention`.
        kind: Path<String>,
    ) -> Result<Triggered, Problem> {
        self.trigger(&caller, of_org(&kind.0)?).await
    }
}

impl SchedulesApi {
    async fn of_connection(&self, caller: &Caller, id: Uuid, kind: Option<Name<RunKind>>) -> Result<Of, Problem> {
        let kind = kind.map_or(RunKind::Sync, |kind| kind.0);
        if !schedulable_per_connection(kind) {
            return Err(Problem::parameter("kind", "a connection has schedules of `sync` and of `census`"));
        }
        let connection = self.0.config.store.connection_fetch(caller.org_id(), ConnectionId(id)).await?;
        connection.ok_or_else(|| Problem::not_found("connection", id))?;
        Ok((Some(ConnectionId(id)), kind))
    }

    async fn row(&self, caller: &Caller, (connection_id, kind): Of) -> Result<ScheduleRow, Problem> {
        let row = self.0.config.store.schedule_find(caller.org_id(), connection_id, kind).await?;
        row.ok_or_else(|| {
            Problem::not_found(
                "schedule",
                format!("of {kind}{}", connection_id.map(|id| format!(" for connection {id}")).unwrap_or_default()),
            )
        })
    }

    async fn fetch(&self, caller: &Caller, of: Of) -> Result<Json<ScheduleOut>, Problem> {
        let row = self.row(caller, of).await?;
        self.out(caller, row, &AtomicBool::new(false)).await.map(Json)
    }

    async fn put(&self, caller: &Caller, of: Of, body: ScheduleIn) -> Result<Json<ScheduleOut>, Problem> {
        let (store, org_id, actor) = (&self.0.config.store, caller.org_id(), caller.requested_by());
        let new = parse::schedule(body, org_id, of.0, of.1)?;
        let before = store.schedule_find(org_id, of.0, of.1).await?;
        let id = store.schedule_put(&new, &actor).await?;
        let row = self.row(caller, of).await?;
        let applied = self.0.config.engine.schedule_put(&target(&row)).await;
        match applied {
            Ok(seen) => store.schedule_applied_set(org_id, id, &seen.marks.to_string()).await?,
            Err(EngineError::Refused(why)) => {
                // a schedule that Temporal will never take must not stand
                match before {
                    Some(before) => store.schedule_put(&before.schedule, &actor).await.map(|_| ())?,
                    None => store.schedule_delete(org_id, id, &actor).await.map(|_| ())?,
                }
                return Err(Problem::field(if matches!(new.when, ovia_domain::When::Cron(_)) { "cron" } else { "interval" }, why));
            }
            Err(error) => tracing::warn!(schedule_id = %id, %error, "failed to tell Temporal of a schedule; the reconciler will"),
        }
        self.fetch(caller, of).await
    }

    async fn delete(&self, caller: &Caller, of: Of) -> Result<Removed, Problem> {
        let row = self.row(caller, of).await?;
        let engine = &self.0.config.engine;
        self.0.config.store.schedule_delete(caller.org_id(), row.schedule.id, &caller.requested_by()).await?;
        if let Err(error) = engine.schedule_delete(&engine.schedule_temporal_id(row.schedule.kind, row.schedule.id)).await {
            tracing::warn!(schedule_id = %row.schedule.id, %error, "failed to remove a schedule from Temporal; the reconciler will");
        }
        Ok(Removed::Removed)
    }

    async fn trigger(&self, caller: &Caller, of: Of) -> Result<Triggered, Problem> {
        let (store, engine) = (&self.0.config.store, &self.0.config.engine);
        let row = self.row(caller, of).await?;
        let (id, kind) = (row.schedule.id, row.schedule.kind);
        match engine.schedule_trigger(kind, id).await {
            // Temporal has lost it, or has not been told yet
            Err(EngineError::NotRunning(_)) => {
                let seen = engine.schedule_put(&target(&row)).await?;
                store.schedule_applied_set(caller.org_id(), id, &seen.marks.to_string()).await?;
                engine.schedule_trigger(kind, id).await?;
            }
            other => other?,
        }
        let data = json!({"kind": kind, "connection_id": of.0});
        store.audit(caller.org_id(), &caller.requested_by(), "schedule.trigger", ("schedule", &id.to_string()), data).await?;
        Ok(Triggered::Triggered(self.fetch(caller, of).await?))
    }

    /// The schedule with what Temporal and the runs say of it. `away` is set once Temporal did not answer: the rest need not ask.
    async fn out(&self, caller: &Caller, row: ScheduleRow, away: &AtomicBool) -> Result<ScheduleOut, Problem> {
        let recent_runs = self.0.config.store.schedule_runs(caller.org_id(), row.schedule.id, RECENT_RUNS).await?;
        let mut around = Around { recent_runs, stopped_by: kill_switch::in_force(&self.0, caller).await?, in_temporal: None };
        if !away.load(Ordering::Relaxed) {
            match self.0.config.engine.schedule_describe(&target(&row)).await {
                Ok(seen) => around.in_temporal = seen.map(|seen| seen.next_runs.into_iter().map(Into::into).collect()),
                Err(error) => {
                    away.store(true, Ordering::Relaxed);
                    tracing::warn!(%error, "failed to ask Temporal about a schedule");
                }
            }
        }
        Ok(ScheduleOut::new(row, around))
    }
}

fn of_org(kind: &str) -> Result<Of, Problem> {
    let kind = RunKind::parse(kind).filter(|kind| schedulable_per_org(*kind));
    kind.map(|kind| (None, kind)).ok_or_else(|| {
        Problem::parameter("kind", "an organisation has schedules of `matching`, `kpi_rollup`, `quality`, `report` and `retention`; those of connections are at /connections/{id}/schedule")
    })
}

fn target(row: &ScheduleRow) -> ScheduleTarget {
    ScheduleTarget { schedule: row.schedule.clone(), connection_name: row.connection_name.clone(), source: row.source }
}

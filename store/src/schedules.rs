//! Schedules: the truth that Temporal's schedules are made from. Those of deleted connections do not exist.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, Overlap, RunId, RunKind, Schedule, ScheduleId, Source, When, report::ReportKind};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError, audit::audit_in_txn};

const LIST: &str = "schedules";

/// A schedule and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRow {
    pub schedule: Schedule,
    pub connection_name: Option<String>,
    pub source: Option<Source>,
    /// What Temporal had after it was last told.
    pub applied: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// One run of a schedule, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledRunRow {
    pub id: RunId,
    pub status: String,
    pub created_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it was skipped or failed.
    pub message: Option<String>,
}

struct Flat {
    id: Uuid,
    org_id: Uuid,
    connection_id: Option<Uuid>,
    kind: String,
    interval_seconds: Option<i64>,
    cron: Option<String>,
    time_zone: String,
    jitter_seconds: i64,
    overlap: String,
    catch_up_seconds: i64,
    paused: bool,
    note: Option<String>,
    period: Option<String>,
    applied: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    connection_name: Option<String>,
    source: Option<String>,
}

impl From<Flat> for ScheduleRow {
    fn from(row: Flat) -> Self {
        let schedule = Schedule {
            id: ScheduleId(row.id),
            org_id: OrgId(row.org_id),
            connection_id: row.connection_id.map(ConnectionId),
            // the table's checks hold these to the domain's names
            kind: RunKind::parse(&row.kind).unwrap_or(RunKind::Sync),
            when: match (row.interval_seconds, row.cron) {
                (_, Some(cron)) => When::Cron(cron),
                (seconds, None) => When::IntervalSeconds(seconds.unwrap_or_default()),
            },
            time_zone: row.time_zone,
            jitter_seconds: row.jitter_seconds,
            overlap: Overlap::parse(&row.overlap).unwrap_or(Overlap::Skip),
            catch_up_seconds: row.catch_up_seconds,
            paused: row.paused,
            note: row.note,
            period: row.period.as_deref().and_then(ReportKind::parse),
        };
        Self {
            schedule,
            connection_name: row.connection_name,
            source: row.source.as_deref().and_then(Source::parse),
            applied: row.applied,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Store {
    /// Makes the schedule of its connection and kind, or of its organisation and kind, what `new` says. An existing one keeps its id.
    pub async fn schedule_put(&self, new: &Schedule, actor: &str) -> Result<ScheduleId, StoreError> {
        let (interval, cron) = when(new);
        let connection_id = new.connection_id.map(|id| id.0);
        let mut txn = self.pool.begin().await?;
        // two of a kind at once would both insert
        let lock = format!("ovia/schedule/{}/{:?}/{}", new.org_id, connection_id, new.kind);
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", lock).fetch_one(&mut *txn).await?;
        let updated = sqlx::query_scalar!(
            "update schedules set interval_seconds = $4, cron = $5, time_zone = $6, jitter_seconds = $7, overlap = $8,
                catch_up_seconds = $9, paused = $10, note = $11, period = $12, updated_at = now()
            where org_id = $1 and connection_id is not distinct from $2 and kind = $3 returning id",
            new.org_id.0,
            connection_id,
            new.kind.as_str(),
            interval,
            cron,
            new.time_zone,
            new.jitter_seconds,
            new.overlap.as_str(),
            new.catch_up_seconds,
            new.paused,
            new.note,
            new.period.map(ReportKind::as_str)
        );
        let id = match updated.fetch_optional(&mut *txn).await? {
            Some(id) => id,
            None => schedule_insert_in_txn(&mut txn, new).await?,
        };
        let data = json!({"kind": new.kind, "connection_id": new.connection_id, "when": new.when, "time_zone": new.time_zone,
            "overlap": new.overlap, "paused": new.paused});
        audit_in_txn(&mut txn, new.org_id, actor, "schedule.set", ("schedule", &id.to_string()), data).await?;
        txn.commit().await?;
        Ok(ScheduleId(id))
    }

    /// The schedule of a connection (or, without one, of the organisation) for one kind of run.
    pub async fn schedule_find(
        &self,
        org: OrgId,
        connection: Option<ConnectionId>,
        kind: RunKind,
    ) -> Result<Option<ScheduleRow>, StoreError> {
        Ok(self.schedules_select(Some(org), None, Some((kind, connection)), None, 1).await?.pop())
    }

    /// One schedule.
    pub async fn schedule_fetch(&self, org: OrgId, id: ScheduleId) -> Result<Option<ScheduleRow>, StoreError> {
        Ok(self.schedules_select(Some(org), Some(id), None, None, 1).await?.pop())
    }

    /// Schedules of the organisation, oldest first.
    pub async fn schedules_list(&self, org: OrgId, page: &PageToken) -> Result<PageOf<ScheduleRow>, StoreError> {
        let rows = self.schedules_select(Some(org), None, None, page.key(LIST)?, page.fetch()).await?;
        page.page(LIST, rows, |row| row.schedule.id)
    }

    /// Of all organisations: up to `limit` schedules with ids above `after`, in order of id. For the reconciler.
    pub async fn schedules_of_all(&self, after: Option<ScheduleId>, limit: i64) -> Result<Vec<ScheduleRow>, StoreError> {
        self.schedules_select(None, None, None, after, limit).await
    }

    async fn schedules_select(
        &self,
        org: Option<OrgId>,
        id: Option<ScheduleId>,
        of: Option<(RunKind, Option<ConnectionId>)>,
        after: Option<ScheduleId>,
        limit: i64,
    ) -> Result<Vec<ScheduleRow>, StoreError> {
        let rows = sqlx::query_file_as!(
            Flat,
            "src/schedules_select.sql",
            org.map(|id| id.0),
            id.map(|id| id.0),
            of.map(|of| of.0.as_str()),
            of.and_then(|of| of.1).map(|id| id.0),
            after.map(|id| id.0),
            limit
        );
        Ok(rows.fetch_all(&self.pool).await?.into_iter().map(ScheduleRow::from).collect())
    }

    /// Keeps what Temporal has now.
    pub async fn schedule_applied_set(&self, org: OrgId, id: ScheduleId, applied: &str) -> Result<(), StoreError> {
        sqlx::query!("update schedules set applied = $3 where org_id = $1 and id = $2", org.0, id.0, applied).execute(&self.pool).await?;
        Ok(())
    }

    /// Removes a schedule. Whether there was one.
    pub async fn schedule_delete(&self, org: OrgId, id: ScheduleId, actor: &str) -> Result<bool, StoreError> {
        let mut txn = self.pool.begin().await?;
        let gone = sqlx::query!("delete from schedules where org_id = $1 and id = $2 returning kind, connection_id", org.0, id.0);
        let Some(gone) = gone.fetch_optional(&mut *txn).await? else { return Ok(false) };
        let data = json!({"kind": gone.kind, "connection_id": gone.connection_id});
        audit_in_txn(&mut txn, org, actor, "schedule.delete", ("schedule", &id.to_string()), data).await?;
        txn.commit().await?;
        Ok(true)
    }

    /// The last `limit` runs the schedule started or skipped, newest first.
    pub async fn schedule_runs(&self, org: OrgId, id: ScheduleId, limit: i64) -> Result<Vec<ScheduledRunRow>, StoreError> {
        let rows = sqlx::query_as!(
            ScheduledRunRow,
            r#"select id, status, created_at, ended_at, error ->> 'message' as message from runs
            where org_id = $1 and requested_by = $2 and requested_by like 'schedule:%'
            order by created_at desc limit $3"#,
            org.0,
            format!("schedule:{id}"),
            limit
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }
}

fn when(schedule: &Schedule) -> (Option<i64>, Option<&str>) {
    match &schedule.when {
        When::IntervalSeconds(seconds) => (Some(*seconds), None),
        When::Cron(cron) => (None, Some(cron.as_str())),
    }
}

/// Inserts a schedule; there is none of its kind.
pub(crate) async fn schedule_insert_in_txn(txn: &mut PgConnection, new: &Schedule) -> Result<Uuid, StoreError> {
    let (interval, cron) = when(new);
    let inserted = sqlx::query_scalar!(
        "insert into schedules (id, org_id, connection_id, kind, interval_seconds, cron, time_zone, jitter_seconds, overlap,
            catch_up_seconds, paused, note, period)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) returning id",
        new.id.0,
        new.org_id.0,
        new.connection_id.map(|id| id.0),
        new.kind.as_str(),
        interval,
        cron,
        new.time_zone,
        new.jitter_seconds,
        new.overlap.as_str(),
        new.catch_up_seconds,
        new.paused,
        new.note,
        new.period.map(ReportKind::as_str)
    );
    Ok(inserted.fetch_one(txn).await?)
}

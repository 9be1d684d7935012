//! `/team/kpi/incidents`: which deployment each incident is held to come from.

use ovia_domain::RunId;
use ovia_store::kpi::incidents::{IncidentRow, Overridden};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    auth::Caller,
    body::Body,
    page::{ListOf, list, page},
    problem::Problem,
    runs_start::rollup_follow,
    service::Tag,
    state::ApiState,
    time::Time,
};

pub(crate) struct KpiIncidentsApi(pub ApiState);

/// Longest reason, in characters.
const REASON_MAX: usize = 500;

/// A person's word on an incident.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct OverrideIn {
    /// The deployment's id, as GET /deployments has it; null: no deployment caused it.
    deployment_id: Option<i64>,
    #[serde(default)]
    reason: Option<String>,
}

/// What follows from a person's word.
#[derive(Object)]
#[oai(rename = "IncidentOverride")]
struct OverrideOut {
    /// The rollup that has it in the figures; null where nothing changed, or none was started because one is under way: then the first
    /// that begins after it has.
    run_id: Option<Uuid>,
}

/// An incident and its deployment.
#[derive(Object)]
#[oai(rename = "Incident")]
struct IncidentOut {
    /// `work_items:12` or `issues:7`.
    id: String,
    reference: Option<String>,
    title: Option<String>,
    /// The project's full path.
    project: Option<String>,
    url: Option<String>,
    created_at: Option<Time>,
    resolved_at: Option<Time>,
    /// Null: it is not held to come from any.
    deployment_id: Option<i64>,
    deployment_project: Option<String>,
    deployment_url: Option<String>,
    deployment_finished_at: Option<Time>,
    /// What said so at the last rollup: `override`, `merge_request_link`, `same_service`, `revert`, `hotfix`, `none`.
    rule: String,
    /// 0 to 1.
    confidence: f64,
    /// Whose word is in force: `token:<name>`. The figures have it from the first rollup on that begins after it.
    overridden_by: Option<String>,
    override_reason: Option<String>,
    overridden_at: Option<Time>,
}

#[OpenApi(tag = "Tag::Team")]
impl KpiIncidentsApi {
    /// Incidents, and the deployments they are put down to
    #[oai(path = "/team/kpi/incidents", method = "get", operation_id = "kpi_incidents")]
    async fn incidents(
        &self,
        caller: Caller,
        /// Those of one deployment.
        deployment: Query<Option<i64>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<IncidentOut>>, Problem> {
        let rows = self.0.config.store.kpi_incidents(caller.org_id(), deployment.0, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, IncidentOut::from))
    }

    /// Say which deployment an incident comes from
    ///
    /// It beats every rule. A rollup has it in the figures. Saying the same again changes nothing.
    #[oai(path = "/team/kpi/incidents/:id/override", method = "put", operation_id = "kpi_incident_override")]
    async fn set(&self, caller: Caller, id: Path<String>, body: Body<OverrideIn>) -> Result<Json<OverrideOut>, Problem> {
        let incident = incident(&id.0)?;
        let reason = body.0.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        if reason.is_some_and(|reason| reason.chars().count() > REASON_MAX) {
            return Err(Problem::field("reason", format!("it is longer than {REASON_MAX} characters")));
        }
        let store = &self.0.config.store;
        let by = caller.requested_by();
        match store.kpi_incident_override(caller.org_id(), incident, body.0.deployment_id, reason, &by).await? {
            Overridden::Set => Ok(followed(rollup_follow(&self.0, &caller).await)),
            Overridden::Unchanged => Ok(followed(None)),
            Overridden::Unknown => Err(Problem::missing(
                format!("There is no incident {}, or no such deployment.", id.0),
                "GET /team/kpi/incidents lists incidents, GET /deployments what they may be put down to.",
            )),
        }
    }

    /// Take that back
    ///
    /// What the rules say counts again. A rollup has it in the figures.
    #[oai(path = "/team/kpi/incidents/:id/override", method = "delete", operation_id = "kpi_incident_override_end")]
    async fn end(&self, caller: Caller, id: Path<String>) -> Result<Json<OverrideOut>, Problem> {
        let incident = incident(&id.0)?;
        match self.0.config.store.kpi_incident_override_end(caller.org_id(), incident, &caller.requested_by()).await? {
            true => Ok(followed(rollup_follow(&self.0, &caller).await)),
            false => Err(Problem::missing(
                format!("Nobody has overruled what incident {} is put down to.", id.0),
                "GET /team/kpi/incidents lists incidents, and who overruled which.",
            )),
        }
    }
}

fn followed(run: Option<RunId>) -> Json<OverrideOut> {
    Json(OverrideOut { run_id: run.map(|run| run.0) })
}

/// Table and id of `work_items:12`.
fn incident(id: &str) -> Result<(&str, i64), Problem> {
    let parsed = id.split_once(':').and_then(|(table, id)| Some((table, id.parse::<i64>().ok()?)));
    parsed
        .filter(|(table, _)| matches!(*table, "work_items" | "issues"))
        .ok_or_else(|| Problem::parameter("id", "it is not an incident's id, as work_items:12"))
}

impl From<IncidentRow> for IncidentOut {
    fn from(row: IncidentRow) -> Self {
        Self {
            id: format!("{}:{}", row.incident_table, row.incident_id),
            reference: row.reference,
            title: row.title,
            project: row.project,
            url: row.url,
            created_at: row.created_at.map(Time),
            resolved_at: row.resolved_at.map(Time),
            deployment_id: row.deployment_id,
            deployment_project: row.deployment_project,
            deployment_url: row.deployment_url,
            deployment_finished_at: row.deployment_finished_at.map(Time),
            rule: row.rule,
            confidence: row.confidence,
            overridden_by: row.overridden_by,
            override_reason: row.override_reason,
            overridden_at: row.overridden_at.map(Time),
        }
    }
}

//! `/anomalies`: what is wrong with work items, versions and sprints, and what people decide about it.

use ovia_domain::{
    ConnectionId,
    integrity::{AnomalyRule, AnomalyStatus, Severity, SubjectTable},
};
use ovia_store::anomalies::{AnomalyDecision, AnomalyFilter, AnomalyRow};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    auth::Caller,
    body::MaybeBody,
    names::Name,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
};

/// Longest note, in characters.
const NOTE_MAX: usize = 1_000;

/// A rule that a work item, a version or a sprint breaks. docs/integrity.md says what each rule means.
#[derive(Object)]
#[oai(rename = "Anomaly")]
struct AnomalyOut {
    id: i64,
    connection_id: Uuid,
    connection_name: Option<String>,
    rule: Name<AnomalyRule>,
    severity: Name<Severity>,
    status: Name<AnomalyStatus>,
    /// What is wrong: the table it is in, and its id in the source.
    table: Name<SubjectTable>,
    external_id: String,
    /// A work item's key.
    key: Option<String>,
    /// A work item's title, the name of a version or sprint.
    title: Option<String>,
    url: Option<String>,
    /// What is wrong with it, in sentences.
    explanation: String,
    first_seen_at: Time,
    last_seen_at: Time,
    /// The run that saw it first.
    first_run_id: Uuid,
    /// The run that saw it last.
    last_run_id: Uuid,
    acknowledged_at: Option<Time>,
    /// `token:<name>`.
    acknowledged_by: Option<String>,
    /// What they said.
    note: Option<String>,
    /// When a run found that it is not there any more.
    resolved_at: Option<Time>,
    /// When it came back, or an acknowledgement was taken back.
    reopened_at: Option<Time>,
}

/// Why an anomaly is left as it is.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "AnomalyAcknowledge")]
struct AcknowledgeIn {
    /// A sentence; it is kept with the anomaly.
    #[serde(default)]
    note: Option<String>,
}

pub(crate) struct AnomaliesApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl AnomaliesApi {
    /// List anomalies, newest first
    #[oai(path = "/anomalies", method = "get", operation_id = "anomalies_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        caller: Caller,
        /// A connection's id.
        connection: Query<Option<Uuid>>,
        rule: Query<Option<Name<AnomalyRule>>>,
        severity: Query<Option<Name<Severity>>>,
        status: Query<Option<Name<AnomalyStatus>>>,
        /// What is wrong.
        table: Query<Option<Name<SubjectTable>>>,
        /// Of the work item with this key, as `WEB-12`.
        key: Query<Option<String>>,
        /// Last seen at or after this time.
        since: Query<Option<Time>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<AnomalyOut>>, Problem> {
        let filter = AnomalyFilter {
            connection_id: connection.0.map(ConnectionId),
            rule: rule.0.map(|rule| rule.0),
            severity: severity.0.map(|severity| severity.0),
            status: status.0.map(|status| status.0),
            table: table.0.map(|table| table.0),
            key: key.0,
            since: since.0.map(|time| time.0),
        };
        let rows = self.0.config.store.anomalies_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, AnomalyOut::from))
    }

    /// One anomaly
    #[oai(path = "/anomalies/:id", method = "get", operation_id = "anomaly_fetch")]
    async fn fetch(&self, caller: Caller, id: Path<i64>) -> Result<Json<AnomalyOut>, Problem> {
        self.anomaly(&caller, id.0).await
    }

    /// Acknowledge an anomaly
    ///
    /// Somebody knows and leaves it so: it needs no review any more, and runs that find it again leave it acknowledged. Acknowledging it
    /// again keeps the newer note.
    #[oai(path = "/anomalies/:id/acknowledge", method = "post", operation_id = "anomaly_acknowledge")]
    async fn acknowledge(&self, caller: Caller, id: Path<i64>, body: MaybeBody<AcknowledgeIn>) -> Result<Json<AnomalyOut>, Problem> {
        let note = note(body.0.and_then(|body| body.note))?;
        let decision = self.0.config.store.anomaly_acknowledge(caller.org_id(), id.0, &caller.requested_by(), note.as_deref()).await?;
        self.decided(&caller, id.0, decision).await
    }

    /// Take an acknowledgement back
    ///
    /// It is open again. Reopening an open one is fine.
    #[oai(path = "/anomalies/:id/reopen", method = "post", operation_id = "anomaly_reopen")]
    async fn reopen(&self, caller: Caller, id: Path<i64>) -> Result<Json<AnomalyOut>, Problem> {
        let decision = self.0.config.store.anomaly_reopen(caller.org_id(), id.0, &caller.requested_by()).await?;
        self.decided(&caller, id.0, decision).await
    }
}

impl AnomaliesApi {
    async fn anomaly(&self, caller: &Caller, id: i64) -> Result<Json<AnomalyOut>, Problem> {
        let row = self.0.config.store.anomaly_fetch(caller.org_id(), id).await?;
        Ok(Json(row.ok_or_else(|| Problem::not_found("anomaly", id))?.into()))
    }

    async fn decided(&self, caller: &Caller, id: i64, decision: AnomalyDecision) -> Result<Json<AnomalyOut>, Problem> {
        match decision {
            AnomalyDecision::Done => self.anomaly(caller, id).await,
            AnomalyDecision::NotFound => Err(Problem::not_found("anomaly", id)),
            AnomalyDecision::Resolved => Err(Problem::conflict(
                format!("Anomaly {id} is resolved."),
                "There is nothing to decide: a run that finds it again opens it.",
            )),
        }
    }
}

/// A note that says something.
fn note(given: Option<String>) -> Result<Option<String>, Problem> {
    let Some(note) = given.map(|note| note.trim().to_owned()) else { return Ok(None) };
    if !(1..=NOTE_MAX).contains(&note.chars().count()) {
        return Err(Problem::field("note", format!("it is not 1 to {NOTE_MAX} characters")));
    }
    Ok(Some(note))
}

impl From<AnomalyRow> for AnomalyOut {
    fn from(row: AnomalyRow) -> Self {
        // the table's checks hold these to the domain's names
        let rule = AnomalyRule::ALL.into_iter().find(|rule| rule.as_str() == row.rule);
        let severity = Severity::ALL.into_iter().find(|severity| severity.as_str() == row.severity);
        let status = AnomalyStatus::ALL.into_iter().find(|status| status.as_str() == row.status);
        let table = SubjectTable::ALL.into_iter().find(|table| table.as_str() == row.subject_table);
        Self {
            id: row.id,
            connection_id: row.connection_id.0,
            connection_name: row.connection_name,
            rule: Name(rule.unwrap_or(AnomalyRule::OrphanParent)),
            severity: Name(severity.unwrap_or(Severity::Warning)),
            status: Name(status.unwrap_or(AnomalyStatus::Open)),
            table: Name(table.unwrap_or(SubjectTable::WorkItems)),
            external_id: row.external_id,
            key: row.key,
            title: row.title,
            url: row.url,
            explanation: row.explanation,
            first_seen_at: row.first_seen_at.into(),
            last_seen_at: row.last_seen_at.into(),
            first_run_id: row.first_run_id,
            last_run_id: row.last_run_id,
            acknowledged_at: row.acknowledged_at.map(Time),
            acknowledged_by: row.acknowledged_by,
            note: row.note,
            resolved_at: row.resolved_at.map(Time),
            reopened_at: row.reopened_at.map(Time),
        }
    }
}

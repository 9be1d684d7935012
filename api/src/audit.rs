//! `GET /audit-events`: what people did.

use ovia_store::audit::{AuditFilter, AuditRow};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use serde_json::Value;

use crate::{
    auth::Caller,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
};

/// One thing somebody did.
#[derive(Object)]
#[oai(rename = "AuditEvent")]
struct AuditEventOut {
    id: i64,
    at: Time,
    /// Who: `token:<name>`.
    actor: String,
    /// What: `connection.create`, `run.cancel`, `dead_letter.drop` …
    action: String,
    /// To what: `connection`, `run` …
    subject_kind: String,
    subject_id: String,
    /// What was asked for. Credentials are never in it.
    data: Value,
}

pub(crate) struct AuditApi(pub ApiState);

#[OpenApi(tag = "Tag::Operations")]
impl AuditApi {
    /// List what people did, newest first
    ///
    /// What schedules and other runs ask for is not among it: GET /runs says who asked for each. Kept for two years.
    #[oai(path = "/audit-events", method = "get", operation_id = "audit_events_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        caller: Caller,
        /// As `token:first`.
        actor: Query<Option<String>>,
        /// As `run.cancel`.
        action: Query<Option<String>>,
        /// A kind, as `connection`, or a kind and an id: `connection:0198c0de-…`.
        subject: Query<Option<String>>,
        /// At or after this time.
        since: Query<Option<Time>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<AuditEventOut>>, Problem> {
        let subject = subject.0.map(|text| match text.split_once(':') {
            Some((kind, id)) => (kind.to_owned(), Some(id.to_owned())),
            None => (text, None),
        });
        let filter = AuditFilter { actor: actor.0, action: action.0, subject, since: since.0.map(|time| time.0) };
        let rows = self.0.config.store.audit_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, AuditEventOut::from))
    }
}

impl From<AuditRow> for AuditEventOut {
    fn from(row: AuditRow) -> Self {
        Self {
            id: row.id,
            at: row.at.into(),
            actor: row.actor,
            action: row.action,
            subject_kind: row.subject_kind,
            subject_id: row.subject_id,
            data: row.data,
        }
    }
}

//! What people did: who, when, what, to what. Written in the transaction of the act, or right after it; never changed by anything else.

use chrono::{DateTime, Utc};
use ovia_domain::{OrgId, RunKind};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::{PageOf, PageToken, Store, StoreError, runs::NewRun};

const LIST: &str = "audit_events";

/// One act.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRow {
    pub id: i64,
    pub at: DateTime<Utc>,
    /// `token:<name>`.
    pub actor: String,
    /// `connection.create`, `run.cancel`, `dead_letter.drop` …
    pub action: String,
    /// `connection`, `run` …
    pub subject_kind: String,
    pub subject_id: String,
    /// What else is worth knowing. Never holds a secret.
    pub data: Value,
}

/// Which acts to list.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    pub actor: Option<String>,
    pub action: Option<String>,
    /// Its kind, and its id where that is given.
    pub subject: Option<(String, Option<String>)>,
    /// At or after.
    pub since: Option<DateTime<Utc>>,
}

impl Store {
    /// Keeps that `actor` did `action` to `subject` (its kind and its id). `data` must not hold a secret.
    pub async fn audit(&self, org: OrgId, actor: &str, action: &str, subject: (&str, &str), data: Value) -> Result<(), StoreError> {
        audit_in_txn(&mut *self.pool.acquire().await?, org, actor, action, subject, data).await
    }

    /// Acts, newest first.
    pub async fn audit_list(&self, org: OrgId, filter: &AuditFilter, page: &PageToken) -> Result<PageOf<AuditRow>, StoreError> {
        let key: Option<i64> = page.key(LIST)?;
        let (kind, id) = filter.subject.clone().unzip();
        let rows = sqlx::query_as!(
            AuditRow,
            "select id, at, actor, action, subject_kind, subject_id, data from audit_events
            where org_id = $1 and ($2::text is null or actor = $2) and ($3::text is null or action = $3)
                and ($4::text is null or subject_kind = $4) and ($5::text is null or subject_id = $5)
                and ($6::timestamptz is null or at >= $6) and ($7::bigint is null or id < $7)
            order by id desc limit $8",
            org.0,
            filter.actor,
            filter.action,
            kind,
            id.flatten(),
            filter.since,
            key,
            page.fetch()
        );
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| row.id)
    }
}

pub(crate) async fn audit_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    actor: &str,
    action: &str,
    subject: (&str, &str),
    data: Value,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into audit_events (org_id, actor, action, subject_kind, subject_id, data) values ($1, $2, $3, $4, $5, $6)",
        org.0,
        actor,
        action,
        subject.0,
        subject.1,
        data
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Keeps that a person asked for a run. Runs that schedules and other runs ask for are nobody's act.
pub(crate) async fn run_asked_in_txn(tx: &mut PgConnection, run: &NewRun) -> Result<(), StoreError> {
    if !run.requested_by.starts_with("token:") {
        return Ok(());
    }
    let mut data = json!({"kind": run.kind, "params": run.params});
    if let Some(connection) = run.connection_id {
        data["connection_id"] = json!(connection);
    }
    if let Some(earlier) = run.retry_of {
        data["retry_of"] = json!(earlier);
    }
    audit_in_txn(tx, run.org_id, &run.requested_by, asked(run), ("run", &run.run_id.to_string()), data).await
}

fn asked(run: &NewRun) -> &'static str {
    match run.kind {
        _ if run.retry_of.is_some() => "run.retry",
        RunKind::Backfill => "connection.backfill",
        RunKind::Replay if run.params["from"] == "raw" => "connection.replay",
        RunKind::Replay => "dead_letter.replay",
        _ => "run.start",
    }
}

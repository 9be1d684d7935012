//! Anomalies as people see them: which there are, that somebody knows of one, and that it is to be looked at again after all.

use chrono::{DateTime, Utc};
use ovia_domain::{
    ConnectionId, OrgId,
    integrity::{AnomalyRule, AnomalyStatus, Severity, SubjectTable},
};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError, audit::audit_in_txn};

const LIST: &str = "anomalies";

/// One anomaly with what it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct AnomalyRow {
    pub id: i64,
    pub connection_id: ConnectionId,
    pub connection_name: Option<String>,
    pub rule: String,
    pub severity: String,
    pub status: String,
    /// `work_items`, `versions`, `sprints`.
    pub subject_table: String,
    pub external_id: String,
    /// Of work items.
    pub key: Option<String>,
    /// The title of a work item, the name of a version or sprint.
    pub title: Option<String>,
    pub url: Option<String>,
    pub explanation: String,
    pub first_seen_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub first_run_id: Uuid,
    pub last_run_id: Uuid,
    pub acknowledged_at: Option<DateTime<Utc>>,
    pub acknowledged_by: Option<String>,
    pub note: Option<String>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub reopened_at: Option<DateTime<Utc>>,
}

/// Which anomalies to list.
#[derive(Clone, Debug, Default)]
pub struct AnomalyFilter {
    pub connection_id: Option<ConnectionId>,
    pub rule: Option<AnomalyRule>,
    pub severity: Option<Severity>,
    pub status: Option<AnomalyStatus>,
    pub table: Option<SubjectTable>,
    /// Of the work item with this key.
    pub key: Option<String>,
    /// Last seen at or after.
    pub since: Option<DateTime<Utc>>,
}

/// What a person's decision about an anomaly came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnomalyDecision {
    /// It is as asked.
    Done,
    NotFound,
    /// There is nothing to decide any more.
    Resolved,
}

impl Store {
    /// Anomalies, newest first.
    pub async fn anomalies_list(&self, org: OrgId, filter: &AnomalyFilter, page: &PageToken) -> Result<PageOf<AnomalyRow>, StoreError> {
        let rows = self.anomalies_select(org, filter, None, page.key(LIST)?, page.fetch()).await?;
        page.page(LIST, rows, |row| row.id)
    }

    pub async fn anomaly_fetch(&self, org: OrgId, id: i64) -> Result<Option<AnomalyRow>, StoreError> {
        Ok(self.anomalies_select(org, &AnomalyFilter::default(), Some(id), None, 1).await?.pop())
    }

    async fn anomalies_select(
        &self,
        org: OrgId,
        filter: &AnomalyFilter,
        id: Option<i64>,
        after: Option<i64>,
        limit: i64,
    ) -> Result<Vec<AnomalyRow>, StoreError> {
        let rows = sqlx::query_file_as!(
            AnomalyRow,
            "src/anomalies_select.sql",
            org.0,
            id,
            filter.connection_id.map(|id| id.0),
            filter.rule.map(AnomalyRule::as_str),
            filter.severity.map(Severity::as_str),
            filter.status.map(AnomalyStatus::as_str),
            filter.table.map(SubjectTable::as_str),
            filter.key,
            filter.since,
            after,
            limit
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// `actor` knows of it and leaves it so; runs that find it again change nothing about that. Twice keeps the newer note.
    pub async fn anomaly_acknowledge(&self, org: OrgId, id: i64, actor: &str, note: Option<&str>) -> Result<AnomalyDecision, StoreError> {
        let mut tx = self.pool.begin().await?;
        let changed = sqlx::query!(
            r#"update anomalies set status = 'acknowledged', acknowledged_at = now(), acknowledged_by = $3, note = $4
               where org_id = $1 and id = $2 and status <> 'resolved'"#,
            org.0,
            id,
            actor,
            note
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if changed == 0 {
            return undecided(&mut tx, org, id).await;
        }
        review_mark_of(&mut tx, org, id).await?;
        audit_in_txn(&mut tx, org, actor, "anomaly.acknowledge", ("anomaly", &id.to_string()), json!({"note": note})).await?;
        tx.commit().await?;
        Ok(AnomalyDecision::Done)
    }

    /// Takes an acknowledgement back. An open one stays as it is.
    pub async fn anomaly_reopen(&self, org: OrgId, id: i64, actor: &str) -> Result<AnomalyDecision, StoreError> {
        let mut tx = self.pool.begin().await?;
        let changed = sqlx::query!(
            r#"update anomalies set status = 'open', reopened_at = now(), acknowledged_at = null, acknowledged_by = null, note = null
               where org_id = $1 and id = $2 and status = 'acknowledged'"#,
            org.0,
            id
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if changed == 0 {
            return undecided(&mut tx, org, id).await;
        }
        review_mark_of(&mut tx, org, id).await?;
        audit_in_txn(&mut tx, org, actor, "anomaly.reopen", ("anomaly", &id.to_string()), json!({})).await?;
        tx.commit().await?;
        Ok(AnomalyDecision::Done)
    }
}

/// Why nothing was changed.
async fn undecided(tx: &mut PgConnection, org: OrgId, id: i64) -> Result<AnomalyDecision, StoreError> {
    let status = sqlx::query_scalar!("select status from anomalies where org_id = $1 and id = $2", org.0, id).fetch_optional(tx).await?;
    Ok(match status.as_deref() {
        None => AnomalyDecision::NotFound,
        Some("resolved") => AnomalyDecision::Resolved,
        Some(_) => AnomalyDecision::Done,
    })
}

/// The work item that an anomaly is about needs review while one of its anomalies is open.
async fn review_mark_of(tx: &mut PgConnection, org: OrgId, id: i64) -> Result<(), StoreError> {
    // two decisions about one item: the later one sees what the earlier one did
    sqlx::query_scalar!(
        r#"select w.id from anomalies a join work_items w on w.connection_id = a.connection_id and w.external_id = a.external_id
           where a.org_id = $1 and a.id = $2 and a.subject_table = 'work_items' and w.org_id = $1 for no key update of w"#,
        org.0,
        id
    )
    .fetch_optional(&mut *tx)
    .await?;
    sqlx::query!(
        r#"update work_items w set needs_review = r.needed
           from (
               select a.connection_id, a.external_id, exists (
                   select from anomalies o
                   where o.org_id = $1 and o.connection_id = a.connection_id and o.subject_table = 'work_items'
                       and o.external_id = a.external_id and o.status = 'open'
               ) as needed
               from anomalies a where a.org_id = $1 and a.id = $2 and a.subject_table = 'work_items'
           ) r
           where w.org_id = $1 and w.connection_id = r.connection_id and w.external_id = r.external_id and w.needs_review <> r.needed"#,
        org.0,
        id
    )
    .execute(tx)
    .await?;
    Ok(())
}

//! Risk items: what needs attention, with who could do something about it and since when. A detection opens, updates and resolves them;
//! people mute them. `detect` reads the rows, this file keeps what was found.

mod detect;

use chrono::{DateTime, Utc};
use ovia_domain::{
    OrgId, RunId,
    risk::{RiskKind, RiskSeverity, RiskStatus},
};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

pub use detect::RiskFinding;

use crate::{PageOf, PageToken, Store, StoreError, audit::audit_in_txn};

const LIST: &str = "risks";

/// One risk item. Columns are documented in the migration.
#[derive(Clone, Debug, PartialEq)]
pub struct RiskItemRow {
    pub id: i64,
    pub kind: String,
    pub severity: String,
    /// A mute whose time is up is `open` again, also before the next detection.
    pub status: String,
    pub subject_table: String,
    pub subject_id: String,
    pub summary: String,
    pub evidence: Value,
    pub connection_id: Option<Uuid>,
    pub source: Option<String>,
    /// The project's full path.
    pub project: Option<String>,
    pub title: Option<String>,
    pub url: Option<String>,
    pub owner_person_id: Option<Uuid>,
    pub owner_person_name: Option<String>,
    pub owner_identity_id: Option<Uuid>,
    pub owner_username: Option<String>,
    pub owner_display_name: Option<String>,
    pub first_seen_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
    pub first_run_id: Uuid,
    pub last_run_id: Uuid,
    pub muted_at: Option<DateTime<Utc>>,
    pub muted_by: Option<String>,
    pub mute_reason: Option<String>,
    pub muted_until: Option<DateTime<Utc>>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub reopened_at: Option<DateTime<Utc>>,
    /// 1 for high, 2 for medium, 3 for low: the list's order.
    pub rank: i32,
}

/// Which risk items to list.
#[derive(Clone, Debug, Default)]
pub struct RiskFilter {
    pub status: Option<RiskStatus>,
    pub kind: Option<RiskKind>,
    pub severity: Option<RiskSeverity>,
    /// A project's full path or external id.
    pub project: Option<String>,
    /// A person's id, or an account's.
    pub owner: Option<Uuid>,
}

/// What a person's decision about a risk item came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RiskDecision {
    /// It is as asked.
    Done,
    NotFound,
    /// Its cause is gone: there is nothing to decide.
    Resolved,
}

/// What a detection changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RisksApplied {
    /// Everything that was found.
    pub found: u64,
    pub opened: u64,
    pub reopened: u64,
    pub resolved: u64,
}

impl Store {
    /// Stores what a detection found, in one transaction: new items are opened, known ones updated in place, those that were resolved
    /// opened again (muted again, if their mute still holds), and all that were not found resolved. Twice changes nothing but
    /// `last_seen_at`.
    pub async fn risks_apply(&self, org: OrgId, run: RunId, found: &[RiskFinding]) -> Result<RisksApplied, StoreError> {
        let mut tx = self.pool.begin().await?;
        // two detections at once: one after the other
        let lock = format!("ovia/risks/{org}");
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", lock).fetch_one(&mut *tx).await?;
        let known = sqlx::query!(
            r#"select count(*) as "all!", count(*) filter (where status <> 'resolved') as "live!" from risk_items where org_id = $1"#,
            org.0
        )
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query_file!("src/risks/rename.sql", org.0, json!(found)).execute(&mut *tx).await?;
        sqlx::query_file!("src/risks/upsert.sql", org.0, run.0, json!(found)).execute(&mut *tx).await?;
        // what this transaction saw has its time
        let resolved = sqlx::query!(
            "update risk_items set status = 'resolved', resolved_at = now() where org_id = $1 and status <> 'resolved' and last_seen_at < now()",
            org.0
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        let now = sqlx::query!(
            r#"select count(*) as "all!", count(*) filter (where status <> 'resolved') as "live!" from risk_items where org_id = $1"#,
            org.0
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        let opened = count(now.all - known.all);
        let reopened = count(now.live - known.live - (now.all - known.all) + resolved as i64);
        Ok(RisksApplied { found: found.len() as u64, opened, reopened, resolved })
    }

    /// Risk items, the most severe first, then the oldest.
    pub async fn risks_list(&self, org: OrgId, filter: &RiskFilter, page: &PageToken) -> Result<PageOf<RiskItemRow>, StoreError> {
        let rows = self.risks_select(org, filter, None, page.key(LIST)?, page.fetch()).await?;
        page.page(LIST, rows, |row| (row.rank, row.id))
    }

    pub async fn risk_fetch(&self, org: OrgId, id: i64) -> Result<Option<RiskItemRow>, StoreError> {
        Ok(self.risks_select(org, &RiskFilter::default(), Some(id), None, 1).await?.pop())
    }

    async fn risks_select(
        &self,
        org: OrgId,
        filter: &RiskFilter,
        id: Option<i64>,
        after: Option<(i32, i64)>,
        limit: i64,
    ) -> Result<Vec<RiskItemRow>, StoreError> {
        let (rank, after) = after.unzip();
        let rows = sqlx::query_file_as!(
            RiskItemRow,
            "src/risks/select.sql",
            org.0,
            id,
            filter.status.map(RiskStatus::as_str),
            filter.kind.map(RiskKind::as_str),
            filter.severity.map(RiskSeverity::as_str),
            filter.project,
            filter.owner,
            rank,
            after,
            limit
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// `actor` knows and leaves it so, until `until` or until it is taken back. Twice keeps the newer reason.
    pub async fn risk_mute(
        &self,
        org: OrgId,
        id: i64,
        actor: &str,
        reason: &str,
        until: Option<DateTime<Utc>>,
    ) -> Result<RiskDecision, StoreError> {
        let mut tx = self.pool.begin().await?;
        let changed = sqlx::query!(
            "update risk_items set status = 'muted', muted_at = now(), muted_by = $3, mute_reason = $4, muted_until = $5
            where org_id = $1 and id = $2 and status <> 'resolved'",
            org.0,
            id,
            actor,
            reason,
            until
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if changed == 0 {
            return self.risk_undecided(org, id).await;
        }
        let data = json!({"reason": reason, "until": until});
        audit_in_txn(&mut tx, org, actor, "risk.mute", ("risk", &id.to_string()), data).await?;
        tx.commit().await?;
        Ok(RiskDecision::Done)
    }

    /// Takes a mute back. An open one stays as it is; so does a resolved one, whose mute is forgotten.
    pub async fn risk_unmute(&self, org: OrgId, id: i64, actor: &str) -> Result<RiskDecision, StoreError> {
        let mut tx = self.pool.begin().await?;
        let changed = sqlx::query!(
            "update risk_items set status = case status when 'muted' then 'open' else status end, muted_at = null, muted_by = null,
                mute_reason = null, muted_until = null
            where org_id = $1 and id = $2 and muted_at is not null",
            org.0,
            id
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if changed == 0 {
            return Ok(if self.risk_fetch(org, id).await?.is_some() { RiskDecision::Done } else { RiskDecision::NotFound });
        }
        audit_in_txn(&mut tx, org, actor, "risk.unmute", ("risk", &id.to_string()), json!({})).await?;
        tx.commit().await?;
        Ok(RiskDecision::Done)
    }

    async fn risk_undecided(&self, org: OrgId, id: i64) -> Result<RiskDecision, StoreError> {
        Ok(if self.risk_fetch(org, id).await?.is_some() { RiskDecision::Resolved } else { RiskDecision::NotFound })
    }
}

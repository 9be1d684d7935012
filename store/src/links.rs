//! Links between accounts and people, written: an account has one current link, and what held before stays as history.
//!
//! Everything here runs in a transaction of the caller that holds the organisation's matching lock: decisions and the batches of
//! matching runs. A row is added when the person or the status changes; where only the evidence does, the row is changed in place.

use ovia_domain::OrgId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Executor, PgConnection};
use uuid::Uuid;

use crate::StoreError;

/// What became of a link, as in `person_identity_links.status` (the table's comment says what each means).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkStatus {
    Auto,
    Conflict,
    Confirmed,
    Rejected,
    Superseded,
}

impl LinkStatus {
    pub const ALL: [Self; 5] = [Self::Auto, Self::Conflict, Self::Confirmed, Self::Rejected, Self::Superseded];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Conflict => "conflict",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether the account counts for the person.
    pub fn counts(self) -> bool {
        matches!(self, Self::Auto | Self::Confirmed)
    }

    /// Whether it is the account's present link, of which there is one at most.
    pub fn is_current(self) -> bool {
        matches!(self, Self::Auto | Self::Conflict | Self::Confirmed)
    }
}

/// Who else an account in conflict could be: one account each, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkCandidate {
    pub identity: Uuid,
    /// 0 to 1: how likely they are one person.
    pub confidence: f64,
    /// Evidence, `[{"rule","family","detail","with","log_odds"}]`.
    pub trace: Value,
}

/// A link as it is to be.
#[derive(Clone, Debug, Serialize)]
pub struct LinkWrite {
    pub identity_id: Uuid,
    pub person_id: Uuid,
    pub status: LinkStatus,
    /// 0 to 1.
    pub confidence: f64,
    pub rule: String,
    /// Evidence, `[{"rule","family","detail","with","log_odds"}]`.
    pub trace: Value,
    /// The trace, for people.
    pub sentence: String,
    /// Of conflicts; of other links the weaker questions that stand in the background.
    pub candidates: Vec<LinkCandidate>,
    /// What would nearly have changed the class.
    pub nearly: Option<String>,
    /// Strong evidence against a decision, as in `trace`; `[]` if there is none.
    pub contradicts: Value,
}

/// Where links come from: columns that are the same for all rows of one write.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub rule_set_version: i32,
    pub config_version: i32,
    pub run_id: Option<Uuid>,
    pub decided_by: Option<String>,
    pub decision_id: Option<i64>,
}

/// Serialises decisions and matching of one organisation until the transaction ends.
pub(crate) async fn matching_lock_in_txn(tx: &mut PgConnection, org: OrgId) -> Result<(), StoreError> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('matching:' || $1::text, 0))", org.to_string()).execute(tx).await?;
    Ok(())
}

/// Makes each account's current link what `links` says. Accounts that are gone, or another organisation's, are left out. Answers how
/// many links are other than before.
pub(crate) async fn links_write_in_txn(tx: &mut PgConnection, org: OrgId, links: &[LinkWrite], origin: &Origin) -> Result<u64, StoreError> {
    if links.is_empty() {
        return Ok(0);
    }
    let rows = serde_json::to_value(links)?;
    tx.execute(sqlx::query_file!("src/links/supersede.sql", org.0, rows)).await?;
    let updated = tx
        .execute(sqlx::query_file!("src/links/update.sql", org.0, rows, origin.rule_set_version, origin.config_version, origin.run_id))
        .await?;
    let inserted = tx
        .execute(sqlx::query_file!(
            "src/links/insert.sql",
            org.0,
            rows,
            origin.rule_set_version,
            origin.config_version,
            origin.run_id,
            origin.decided_by,
            origin.decision_id,
        ))
        .await?;
    Ok(updated.rows_affected() + inserted.rows_affected())
}

/// Retires those of `people` that nobody is linked to (unless they were imported), brings back those that somebody is linked to, and
/// raises the version of all. Answers those retired and those brought back.
pub(crate) async fn people_settle_in_txn(tx: &mut PgConnection, org: OrgId, people: &[Uuid]) -> Result<(Vec<Uuid>, Vec<Uuid>), StoreError> {
    let rows = sqlx::query_file!("src/links/people_settle.sql", org.0, people).fetch_all(tx).await?;
    let changed = |retired: bool| rows.iter().filter(|row| row.changed && row.retired == retired).map(|row| row.id).collect();
    Ok((changed(true), changed(false)))
}

/// Raises the organisation's identity epoch and notes whose accounts changed. Answers the new epoch.
pub(crate) async fn epoch_raise_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    people: &[Uuid],
    reason: &str,
    decision: Option<i64>,
    run: Option<Uuid>,
) -> Result<i64, StoreError> {
    let epoch =
        sqlx::query_scalar!("update organisations set identity_epoch = identity_epoch + 1 where id = $1 returning identity_epoch", org.0)
            .fetch_one(&mut *tx)
            .await?;
    sqlx::query!(
        "insert into changed_people (org_id, person_id, epoch, reason, decision_id, run_id)
        select $1, p.id, $3, $4, $5, $6 from people p where p.org_id = $1 and p.id = any($2) order by p.id",
        org.0,
        people,
        epoch,
        reason,
        decision,
        run
    )
    .execute(tx)
    .await?;
    Ok(epoch)
}

//! Decisions, read.

use chrono::{DateTime, Utc};
use ovia_domain::{IdentityId, OrgId, PersonId};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError};

const LIST: &str = "identity_decisions";

/// A decision by its name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DecisionBrief {
    pub id: i64,
    /// `confirm`, `remap`, `split`, `merge`, `never`, `bulk_confirm`, `undo`.
    pub kind: String,
    /// `token:<name>`.
    pub actor: String,
    pub decided_at: DateTime<Utc>,
}

/// A decision.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionRow {
    /// Ascends with time within an organisation.
    pub id: i64,
    /// `confirm`, `remap`, `split`, `merge`, `never`, `bulk_confirm`, `undo`.
    pub kind: String,
    /// `token:<name>`.
    pub actor: String,
    pub reason: Option<String>,
    pub decided_at: DateTime<Utc>,
    /// What was asked for, by kind: `{"identity","person"}`, `{"identity","new_person"}`, `{"person","identities","display_name"}`,
    /// `{"into","from"}`, `{"one","other"}`, `{"decision"}`, `{"min_confidence","source","which"}`.
    pub input: Value,
    /// Accounts it says something about.
    pub identities: Vec<Uuid>,
    pub people: Vec<Uuid>,
    /// The undo that took it back; `None` while it holds.
    pub undone_by: Option<i64>,
    /// Of an undo: what it takes back.
    pub undoes: Option<i64>,
    pub identity_epoch: i64,
}

/// Which decisions to list.
#[derive(Clone, Debug, Default)]
pub struct DecisionFilter {
    pub identity: Option<IdentityId>,
    pub person: Option<PersonId>,
    pub kind: Option<String>,
    pub actor: Option<String>,
    /// Whether it holds: not undone, and not an undo.
    pub holds: Option<bool>,
    /// At or after.
    pub since: Option<DateTime<Utc>>,
}

impl Store {
    /// Decisions, newest first.
    pub async fn decisions_list(&self, org: OrgId, filter: &DecisionFilter, page: &PageToken) -> Result<PageOf<DecisionRow>, StoreError> {
        let key: Option<i64> = page.key(LIST)?;
        let rows = sqlx::query_as!(
            DecisionRow,
            "select id, kind, actor, reason, decided_at, input, identities, people, undone_by, undoes, identity_epoch from identity_decisions
            where org_id = $1 and ($2::uuid is null or identities @> array[$2::uuid]) and ($3::uuid is null or people @> array[$3::uuid])
                and ($4::text is null or kind = $4) and ($5::text is null or actor = $5)
                and ($6::bool is null or (undone_by is null and kind <> 'undo') = $6)
                and ($7::timestamptz is null or decided_at >= $7) and ($8::bigint is null or id < $8)
            order by id desc limit $9",
            org.0,
            filter.identity.map(|id| id.0),
            filter.person.map(|id| id.0),
            filter.kind,
            filter.actor,
            filter.holds,
            filter.since,
            key,
            page.fetch()
        );
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| row.id)
    }

    pub async fn decision_fetch(&self, org: OrgId, id: i64) -> Result<Option<DecisionRow>, StoreError> {
        decision_fetch_in_txn(&mut *self.pool.acquire().await?, org, id).await
    }
}

pub(super) async fn decision_fetch_in_txn(tx: &mut PgConnection, org: OrgId, id: i64) -> Result<Option<DecisionRow>, StoreError> {
    let row = sqlx::query_as!(
        DecisionRow,
        "select id, kind, actor, reason, decided_at, input, identities, people, undone_by, undoes, identity_epoch from identity_decisions
        where org_id = $1 and id = $2",
        org.0,
        id
    );
    Ok(row.fetch_optional(tx).await?)
}

/// The last decision about an account.
pub(super) async fn decision_last_about_in_txn(tx: &mut PgConnection, org: OrgId, identity: Uuid) -> Result<Option<DecisionBrief>, StoreError> {
    let row = sqlx::query_as!(
        DecisionBrief,
        "select id, kind, actor, decided_at from identity_decisions where org_id = $1 and identities @> array[$2::uuid]
        order by id desc limit 1",
        org.0,
        identity
    );
    Ok(row.fetch_optional(tx).await?)
}

/// The last decision about a person.
pub(super) async fn decision_last_about_person_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    person: Uuid,
) -> Result<Option<DecisionBrief>, StoreError> {
    let row = sqlx::query_as!(
        DecisionBrief,
        "select id, kind, actor, decided_at from identity_decisions where org_id = $1 and people @> array[$2::uuid]
        order by id desc limit 1",
        org.0,
        person
    );
    Ok(row.fetch_optional(tx).await?)
}

/// Decisions that say two of these accounts are never together, one of each side.
pub(super) async fn decisions_apart_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    one: &[Uuid],
    other: &[Uuid],
) -> Result<Vec<DecisionBrief>, StoreError> {
    let rows = sqlx::query_as!(
        DecisionBrief,
        "select id, kind, actor, decided_at from identity_decisions where org_id = $1 and id in (
            select n.decision_id from never_together n
            where n.org_id = $1 and (n.a = any($2) and n.b = any($3) or n.a = any($3) and n.b = any($2))
        ) order by id",
        org.0,
        one,
        other
    );
    Ok(rows.fetch_all(tx).await?)
}

/// Decisions that hold, say something about one of these accounts, and took effect after `effective_from`.
pub(super) async fn decisions_built_on_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    identities: &[Uuid],
    effective_from: i64,
    but: i64,
) -> Result<Vec<DecisionBrief>, StoreError> {
    let rows = sqlx::query_as!(
        DecisionBrief,
        "select id, kind, actor, decided_at from identity_decisions
        where org_id = $1 and identities && $2 and kind <> 'undo' and undone_by is null and effective_from > $3 and id <> $4
        order by effective_from",
        org.0,
        identities,
        effective_from,
        but
    );
    Ok(rows.fetch_all(tx).await?)
}

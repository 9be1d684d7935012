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
    /// Accounts it says something about; in lists the first 100.
    pub identities: Vec<Uuid>,
    /// People it changes; in lists the first 100.
    pub people: Vec<Uuid>,
    /// How many they are in all.
    pub identities_count: i32,
    pub people_count: i32,
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
            r#"select id, kind, actor, reason, decided_at, input, identities[:100] as "identities!", people[:100] as "people!",
                cardinality(identities) as "identities_count!", cardinality(people) as "people_count!", undone_by, undoes, identity_epoch
            from identity_decisions
            where org_id = $1 and ($2::uuid is null or identities @> array[$2::uuid]) and ($3::uuid is null or people @> array[$3::uuid])
                and ($4::text is null or kind = $4) and ($5::text is null or actor = $5)
                and ($6::bool is null or (undone_by is null and kind <> 'undo') = $6)
                and ($7::timestamptz is null or decided_at >= $7) and ($8::bigint is null or id < $8)
            order by id desc limit $9"#,
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
        r#"select id, kind, actor, reason, decided_at, input, identities, people, cardinality(identities) as "identities_count!",
            cardinality(people) as "people_count!", undone_by, undoes, identity_epoch
        from identity_decisions where org_id = $1 and id = $2"#,
        org.0,
        id
    );
    Ok(row.fetch_optional(tx).await?)
}

/// These decisions, in their order.
pub(super) async fn decisions_brief_in_txn(tx: &mut PgConnection, org: OrgId, ids: &[i64]) -> Result<Vec<DecisionBrief>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as!(
        DecisionBrief,
        "select id, kind, actor, decided_at from identity_decisions where org_id = $1 and id = any($2) order by id",
        org.0,
        ids
    );
    Ok(rows.fetch_all(tx).await?)
}

/// The decision that made the account's link what it is; `None` where a run has changed it since, or none was taken. What one transaction
/// writes has one time.
pub(super) async fn decision_behind_account_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    identity: Uuid,
) -> Result<Option<DecisionBrief>, StoreError> {
    let row = sqlx::query_as!(
        DecisionBrief,
        "select id, kind, actor, decided_at from identity_decisions where org_id = $1 and identities @> array[$2::uuid]
            and decided_at = (select max(updated_at) from person_identity_links where org_id = $1 and identity_id = $2)
        order by id desc limit 1",
        org.0,
        identity
    );
    Ok(row.fetch_optional(tx).await?)
}

/// The decision that last changed a person; `None` where a run or an import has changed them since, or none was taken.
pub(super) async fn decision_behind_person_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    person: Uuid,
) -> Result<Option<DecisionBrief>, StoreError> {
    let row = sqlx::query_as!(
        DecisionBrief,
        "select id, kind, actor, decided_at from identity_decisions where org_id = $1 and people @> array[$2::uuid]
            and decided_at = (select updated_at from people where org_id = $1 and id = $2)
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

/// Decisions that hold, say something about one of these accounts, and took effect after `effective_from`; and undos since then of what
/// was decided before it, on which it was built itself.
pub(super) async fn decisions_built_on_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    identities: &[Uuid],
    effective_from: i64,
    but: i64,
) -> Result<Vec<DecisionBrief>, StoreError> {
    let rows = sqlx::query_as!(
        DecisionBrief,
        "select d.id, d.kind, d.actor, d.decided_at from identity_decisions d left join identity_decisions t on t.id = d.undoes
        where d.org_id = $1 and d.identities && $2 and d.undone_by is null and d.effective_from > $3 and d.id <> $4
            and (d.kind <> 'undo' or t.kind <> 'undo' and t.effective_from < $3)
        order by d.effective_from",
        org.0,
        identities,
        effective_from,
        but
    );
    Ok(rows.fetch_all(tx).await?)
}

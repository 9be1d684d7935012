//! Who changed what about whom, and why: `identity_events`, append-only.

use chrono::{DateTime, Utc};
use ovia_domain::{IdentityId, OrgId, PersonId};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError};

const LIST: &str = "identity_events";

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentityEventRow {
    pub id: i64,
    pub at: DateTime<Utc>,
    /// `token:<name>` or `run:<id>`.
    pub actor: String,
    /// `linked`, `moved`, `conflict_raised`, `conflict_settled`, `confirmed`, `remapped`, `split`, `merged`, `refused`, `restored`, `released`,
    /// `person_retired`, `person_restored`.
    pub kind: String,
    pub identity_id: Option<Uuid>,
    pub person_id: Option<Uuid>,
    /// A run's rule, a person's words.
    pub reason: Option<String>,
    /// `{"person_id","status","confidence","rule"}`; `None` where there was or is no link.
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub decision_id: Option<i64>,
    pub run_id: Option<Uuid>,
}

/// Which changes to list.
#[derive(Clone, Debug, Default)]
pub struct IdentityEventFilter {
    pub identity: Option<IdentityId>,
    pub person: Option<PersonId>,
    pub decision: Option<i64>,
    pub kind: Option<String>,
    pub actor: Option<String>,
    /// At or after.
    pub since: Option<DateTime<Utc>>,
}

/// A change to note.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct NewEvent {
    pub kind: &'static str,
    pub identity_id: Option<Uuid>,
    pub person_id: Option<Uuid>,
    pub reason: Option<String>,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl Store {
    /// Changes, newest first.
    pub async fn identity_events_list(
        &self,
        org: OrgId,
        filter: &IdentityEventFilter,
        page: &PageToken,
    ) -> Result<PageOf<IdentityEventRow>, StoreError> {
        let key: Option<i64> = page.key(LIST)?;
        let rows = sqlx::query_as!(
            IdentityEventRow,
            "select id, at, actor, kind, identity_id, person_id, reason, before, after, decision_id, run_id from identity_events
            where org_id = $1 and ($2::uuid is null or identity_id = $2) and ($3::uuid is null or person_id = $3)
                and ($4::bigint is null or decision_id = $4) and ($5::text is null or kind = $5) and ($6::text is null or actor = $6)
                and ($7::timestamptz is null or at >= $7) and ($8::bigint is null or id < $8)
            order by id desc limit $9",
            org.0,
            filter.identity.map(|id| id.0),
            filter.person.map(|id| id.0),
            filter.decision,
            filter.kind,
            filter.actor,
            filter.since,
            key,
            page.fetch()
        );
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| row.id)
    }
}

pub(crate) async fn events_insert_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    actor: &str,
    decision: Option<i64>,
    run: Option<Uuid>,
    events: &[NewEvent],
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into identity_events (org_id, actor, kind, identity_id, person_id, reason, before, after, decision_id, run_id)
        select $1, $2, e.kind, e.identity_id, e.person_id, e.reason, nullif(e.before, 'null'), nullif(e.after, 'null'), $3, $4
        from rows from (jsonb_to_recordset($5) as (kind text, identity_id uuid, person_id uuid, reason text, before jsonb, after jsonb))
            with ordinality as e (kind, identity_id, person_id, reason, before, after, place)
        order by e.place",
        org.0,
        actor,
        decision,
        run,
        serde_json::to_value(events)?
    )
    .execute(tx)
    .await?;
    Ok(())
}

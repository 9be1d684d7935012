//! What undo needs: rows as they were before a decision.

use ovia_domain::OrgId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{StoreError, membership_moves::MembershipBefore};

/// Rows as they were before a decision, for its undo.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Before {
    pub links: Vec<LinkBefore>,
    pub people: Vec<PersonBefore>,
    /// Team memberships that moved, as they were.
    #[serde(default)]
    pub team_memberships: Vec<MembershipBefore>,
    /// Of an undo: pairs and refusals that it took away.
    #[serde(default)]
    pub never: Vec<(Uuid, Uuid)>,
    #[serde(default)]
    pub rejected: Vec<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LinkBefore {
    pub identity: Uuid,
    /// The whole row; null where the account had no current link.
    pub row: Value,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PersonBefore {
    pub id: Uuid,
    pub merged_into: Option<Uuid>,
}

/// Links of accounts and the state of people, as undo wants them.
pub(super) async fn before_in_txn(tx: &mut PgConnection, org: OrgId, identities: &[Uuid], people: &[Uuid]) -> Result<Before, StoreError> {
    let links = sqlx::query!(
        r#"select i.id as identity, coalesce(to_jsonb(l), 'null') as "row!" from identities i
        left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'conflict', 'confirmed')
        where i.org_id = $1 and i.id = any($2) order by i.id"#,
        org.0,
        identities
    )
    .fetch_all(&mut *tx)
    .await?;
    let people =
        sqlx::query_as!(PersonBefore, "select id, merged_into from people where org_id = $1 and id = any($2) order by id", org.0, people)
            .fetch_all(tx)
            .await?;
    let links = links.into_iter().map(|row| LinkBefore { identity: row.identity, row: row.row }).collect();
    Ok(Before { links, people, ..Before::default() })
}

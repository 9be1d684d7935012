//! One person: every account with its evidence, what was refused, what happened, and the teams.

use chrono::{DateTime, Utc};
use ovia_domain::{OrgId, PersonId};
use uuid::Uuid;

use crate::{
    PageToken, Store, StoreError,
    identity_events::{IdentityEventFilter, IdentityEventRow},
    mappings::MappingRow,
    team_memberships::TeamMembershipRow,
};

/// Events shown with a person; the list of events has the rest.
const EVENTS: u32 = 100;

#[derive(Clone, Debug)]
pub struct PersonDetail {
    pub person: PersonHead,
    /// Everything that is linked to the person now, accounts in conflict and those gone at the source too, by source and external id.
    pub accounts: Vec<MappingRow>,
    /// Accounts that somebody decided not to be this person's.
    pub refused: Vec<RefusedRow>,
    /// Pairs of one of its accounts and another that are never together.
    pub never_together: Vec<NeverTogetherRow>,
    /// The last 100, newest first.
    pub events: Vec<IdentityEventRow>,
    /// By date.
    pub teams: Vec<TeamMembershipRow>,
}

/// A person, retired or not.
#[derive(Clone, Debug)]
pub struct PersonHead {
    pub id: Uuid,
    pub display_name: String,
    pub primary_email: Option<String>,
    pub is_bot: bool,
    /// To be passed as `expected_version`.
    pub version: i64,
    /// Nobody is linked any more.
    pub retired_at: Option<DateTime<Utc>>,
    /// By a decision: where its accounts are now.
    pub merged_into: Option<Uuid>,
    /// Name and address were imported.
    pub imported_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RefusedRow {
    pub identity_id: Uuid,
    pub source: String,
    pub external_id: String,
    pub username: Option<String>,
    pub display_name: Option<String>,
    pub email: Option<String>,
    pub decided_by: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
    pub decision_id: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NeverTogetherRow {
    /// An account of the person.
    pub identity_id: Uuid,
    pub other_identity_id: Uuid,
    /// The other account's person now.
    pub other_person_id: Option<Uuid>,
    pub other_person_name: Option<String>,
    pub decision_id: i64,
}

impl Store {
    /// A person, also one that is retired.
    pub async fn person_detail(&self, org: OrgId, id: PersonId) -> Result<Option<PersonDetail>, StoreError> {
        let Some(person) = self.person_head(org, id).await? else { return Ok(None) };
        let filter = IdentityEventFilter { person: Some(id), ..IdentityEventFilter::default() };
        let events = self.identity_events_list(org, &filter, &PageToken::new(Some(EVENTS), None)).await?.items;
        Ok(Some(PersonDetail {
            person,
            accounts: self.mappings_of_people(org, &[id.0]).await?,
            refused: self.refused_of(org, id).await?,
            never_together: self.never_together_of(org, id).await?,
            events,
            teams: self.team_memberships_of_person(org, id).await?,
        }))
    }

    pub async fn person_head(&self, org: OrgId, id: PersonId) -> Result<Option<PersonHead>, StoreError> {
        let row = sqlx::query_as!(
            PersonHead,
            "select id, display_name, primary_email, is_bot, version, retired_at, merged_into, imported_at, created_at, updated_at
            from people where org_id = $1 and id = $2",
            org.0,
            id.0
        );
        Ok(row.fetch_optional(&self.pool).await?)
    }

    async fn refused_of(&self, org: OrgId, id: PersonId) -> Result<Vec<RefusedRow>, StoreError> {
        let rows = sqlx::query_as!(
            RefusedRow,
            "select l.identity_id, i.source, i.external_id, i.username, i.display_name, i.email, l.decided_by, l.decided_at, l.decision_id
            from person_identity_links l join identities i on i.id = l.identity_id
            where l.org_id = $1 and l.person_id = $2 and l.status = 'rejected' order by l.id",
            org.0,
            id.0
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    async fn never_together_of(&self, org: OrgId, id: PersonId) -> Result<Vec<NeverTogetherRow>, StoreError> {
        let rows = sqlx::query_as!(
            NeverTogetherRow,
            r#"select l.identity_id, o.id as "other_identity_id!", op.id as "other_person_id?", op.display_name as "other_person_name?",
                n.decision_id
            from person_identity_links l
            join never_together n on n.org_id = $1 and (n.a = l.identity_id or n.b = l.identity_id)
            cross join lateral (select case when n.a = l.identity_id then n.b else n.a end as id) o
            left join person_identity_links ol on ol.identity_id = o.id and ol.status in ('auto', 'conflict', 'confirmed')
            left join people op on op.id = ol.person_id
            where l.org_id = $1 and l.person_id = $2 and l.status in ('auto', 'conflict', 'confirmed')
            order by n.decision_id, l.identity_id, o.id"#,
            org.0,
            id.0
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }
}

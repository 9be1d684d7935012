//! `GET /team/people/{id}`: one person with every account, why it is theirs, what happened, and their teams.

use ovia_domain::PersonId;
use ovia_store::people_detail::{NeverTogetherRow, PersonDetail, RefusedRow};
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::{
    auth::Caller,
    identity_mappings::{IdentityEventOut, MappingOut},
    problem::Problem,
    service::Tag,
    state::ApiState,
    teams::MembershipOut,
    time::Time,
};

/// One person, or one service account, also one that is retired.
#[derive(Object)]
#[oai(rename = "PersonDetail")]
struct PersonDetailOut {
    id: Uuid,
    display_name: String,
    primary_email: Option<String>,
    is_bot: bool,
    /// Raised whenever an account comes, goes or changes its status: what a split or merge takes as `expected_version`.
    version: i64,
    /// Nobody is linked any more since then.
    retired_at: Option<Time>,
    /// The person that this one was merged into.
    merged_into: Option<Uuid>,
    /// Name and address were imported; matching leaves them alone.
    imported_at: Option<Time>,
    /// Everything that is linked to them now, also accounts in conflict and those gone at the source.
    accounts: Vec<MappingOut>,
    /// Accounts that somebody decided not to be theirs.
    refused: Vec<RefusedOut>,
    /// Accounts that are never together with one of theirs.
    never_together: Vec<NeverTogetherOut>,
    /// By date, earlier ones too.
    teams: Vec<MembershipOut>,
    /// The last hundred changes, newest first; GET /team/identity-mappings/events has all.
    history: Vec<IdentityEventOut>,
    created_at: Time,
    updated_at: Time,
}

/// An account that somebody decided not to be this person's.
#[derive(Object)]
#[oai(rename = "RefusedAccount")]
struct RefusedOut {
    identity_id: Uuid,
    source: String,
    external_id: String,
    username: Option<String>,
    display_name: Option<String>,
    email: Option<String>,
    /// `token:<name>`.
    decided_by: Option<String>,
    decided_at: Option<Time>,
    decision_id: Option<i64>,
}

/// Two accounts that are never one person's.
#[derive(Object)]
#[oai(rename = "NeverTogether")]
struct NeverTogetherOut {
    /// An account of this person.
    identity_id: Uuid,
    other_identity_id: Uuid,
    /// Whose the other one is now.
    other_person_id: Option<Uuid>,
    other_person_name: Option<String>,
    decision_id: i64,
}

pub(crate) struct PersonApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl PersonApi {
    /// One person, and why their accounts are theirs
    #[oai(path = "/team/people/:id", method = "get", operation_id = "person_fetch")]
    async fn fetch(&self, caller: Caller, id: Path<Uuid>) -> Result<Json<PersonDetailOut>, Problem> {
        let found = self.0.config.store.person_detail(caller.org_id(), PersonId(id.0)).await?;
        let none = || Problem::missing(format!("There is no person {}.", id.0), "List what there is with GET /team/people.");
        Ok(Json(found.ok_or_else(none)?.into()))
    }
}

impl From<PersonDetail> for PersonDetailOut {
    fn from(detail: PersonDetail) -> Self {
        let person = detail.person;
        Self {
            id: person.id,
            display_name: person.display_name,
            primary_email: person.primary_email,
            is_bot: person.is_bot,
            version: person.version,
            retired_at: person.retired_at.map(Time),
            merged_into: person.merged_into,
            imported_at: person.imported_at.map(Time),
            accounts: detail.accounts.into_iter().map(MappingOut::from).collect(),
            refused: detail.refused.into_iter().map(RefusedOut::from).collect(),
            never_together: detail.never_together.into_iter().map(NeverTogetherOut::from).collect(),
            teams: detail.teams.into_iter().map(MembershipOut::from).collect(),
            history: detail.events.into_iter().map(IdentityEventOut::from).collect(),
            created_at: person.created_at.into(),
            updated_at: person.updated_at.into(),
        }
    }
}

impl From<RefusedRow> for RefusedOut {
    fn from(row: RefusedRow) -> Self {
        Self {
            identity_id: row.identity_id,
            source: row.source,
            external_id: row.external_id,
            username: row.username,
            display_name: row.display_name,
            email: row.email,
            decided_by: row.decided_by,
            decided_at: row.decided_at.map(Time),
            decision_id: row.decision_id,
        }
    }
}

impl From<NeverTogetherRow> for NeverTogetherOut {
    fn from(row: NeverTogetherRow) -> Self {
        Self {
            identity_id: row.identity_id,
            other_identity_id: row.other_identity_id,
            other_person_id: row.other_person_id,
            other_person_name: row.other_person_name,
            decision_id: row.decision_id,
        }
    }
}

//! Teams and memberships on the wire.

use chrono::{NaiveDate, Utc};
use ovia_store::{team_memberships::TeamMembershipRow, teams::TeamRow};
use poem_openapi::Object;
use serde::Deserialize;
use uuid::Uuid;

use crate::time::Time;

/// A team.
#[derive(Object)]
#[oai(rename = "Team")]
pub(super) struct TeamOut {
    id: Uuid,
    name: String,
    description: Option<String>,
    /// People in it on the day that was asked about.
    members: i64,
    created_at: Time,
    updated_at: Time,
    /// Closed since then: kept for the past.
    archived_at: Option<Time>,
}

/// A team to be.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "TeamIn")]
pub(super) struct TeamIn {
    /// Unique among the organisation's teams, whatever the case.
    pub name: String,
    pub description: Option<String>,
}

/// What changes about a team; what is left out stays.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "TeamPatch")]
pub(super) struct TeamPatchIn {
    pub name: Option<String>,
    pub description: Option<String>,
    /// True closes it, false opens it again.
    pub archived: Option<bool>,
}

/// A person in a team, for a while.
#[derive(Object)]
#[oai(rename = "TeamMembership")]
pub(crate) struct MembershipOut {
    id: i64,
    team_id: Uuid,
    team_name: String,
    person_id: Uuid,
    person_name: String,
    role: Option<String>,
    /// The first day, as `2026-01-31`.
    from: NaiveDate,
    /// The first day they are not in it any more; null until further notice.
    until: Option<NaiveDate>,
    /// Whether it holds today (UTC).
    current: bool,
    /// `token:<name>`.
    created_by: String,
}

/// A membership to be.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "TeamMembershipIn")]
pub(super) struct MembershipIn {
    pub person_id: Uuid,
    /// The first day, as `2026-01-31`; today (UTC) if it is left out.
    pub from: Option<NaiveDate>,
    /// The first day they are not in it any more; until further notice if it is left out.
    pub until: Option<NaiveDate>,
    /// As `lead`.
    pub role: Option<String>,
}

/// The end of a membership.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "TeamMembershipPatch")]
pub(super) struct MembershipPatch {
    /// The first day they are not in it any more; null: until further notice.
    #[serde(deserialize_with = "Option::deserialize")]
    pub until: Option<NaiveDate>,
}

impl From<TeamRow> for TeamOut {
    fn from(row: TeamRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            members: row.members,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
            archived_at: row.archived_at.map(Time),
        }
    }
}

impl From<TeamMembershipRow> for MembershipOut {
    fn from(row: TeamMembershipRow) -> Self {
        let today = Utc::now().date_naive();
        Self {
            current: row.from_date <= today && row.until_date.is_none_or(|until| until > today),
            id: row.id,
            team_id: row.team_id,
            team_name: row.team_name,
            person_id: row.person_id,
            person_name: row.person_name,
            role: row.role,
            from: row.from_date,
            until: row.until_date,
            created_by: row.created_by,
        }
    }
}

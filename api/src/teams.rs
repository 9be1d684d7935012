//! `/team/teams`: teams, and who was in them when.

mod import;
mod types;

use chrono::{NaiveDate, Utc};
use ovia_domain::PersonId;
use ovia_store::{
    team_memberships::{MembershipOutcome, NewTeamMembership, TeamMembershipFilter, TeamMembershipRow},
    teams::TeamPatch,
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use uuid::Uuid;

use crate::{
    auth::Caller,
    body::Body,
    identity_mappings::decide::text,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
};
use types::{MembershipIn, MembershipPatch, TeamIn, TeamOut, TeamPatchIn};

pub(crate) use import::TeamImportApi;
pub(crate) use types::MembershipOut;

pub(crate) struct TeamsApi(pub ApiState);

#[derive(ApiResponse)]
enum TeamMade {
    /// Made. Nobody is in it yet.
    #[oai(status = 201)]
    Made(Json<TeamOut>),
}

#[derive(ApiResponse)]
enum MemberAdded {
    /// They are in the team.
    #[oai(status = 201)]
    Added(Json<MembershipOut>),
}

#[derive(ApiResponse)]
enum MemberRemoved {
    /// As if they had never been in it at that time.
    #[oai(status = 204)]
    Removed,
}

#[OpenApi(tag = "Tag::Team")]
impl TeamsApi {
    /// List teams, by name
    #[oai(path = "/team/teams", method = "get", operation_id = "teams_list")]
    async fn list(
        &self,
        caller: Caller,
        /// Count members as on this day; today (UTC) if not given.
        on: Query<Option<NaiveDate>>,
        /// Those that are closed instead of those that are not.
        archived: Query<Option<bool>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<TeamOut>>, Problem> {
        let on = on.0.map_or_else(|| Ok(today()), |on| day("on", on))?;
        let archived = archived.0.unwrap_or(false);
        let rows = self.0.config.store.teams_list(caller.org_id(), archived, on, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, TeamOut::from))
    }

    /// Make a team
    #[oai(path = "/team/teams", method = "post", operation_id = "team_create")]
    async fn create(&self, caller: Caller, body: Body<TeamIn>) -> Result<TeamMade, Problem> {
        let name = name(body.0.name)?;
        let description = text("description", body.0.description)?;
        let store = &self.0.config.store;
        let row = store.team_create(caller.org_id(), &name, description.as_deref(), &caller.requested_by()).await?;
        Ok(TeamMade::Made(Json(row.into())))
    }

    /// One team
    #[oai(path = "/team/teams/:id", method = "get", operation_id = "team_fetch")]
    async fn fetch(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        /// Count members as on this day; today (UTC) if not given.
        on: Query<Option<NaiveDate>>,
    ) -> Result<Json<TeamOut>, Problem> {
        let on = on.0.map_or_else(|| Ok(today()), |on| day("on", on))?;
        let row = self.0.config.store.team_fetch(caller.org_id(), id.0, on).await?;
        Ok(Json(row.ok_or_else(|| no_team(id.0))?.into()))
    }

    /// Change a team, or close it
    ///
    /// A closed team keeps its past and takes nobody new.
    #[oai(path = "/team/teams/:id", method = "patch", operation_id = "team_patch")]
    async fn patch(&self, caller: Caller, id: Path<Uuid>, body: Body<TeamPatchIn>) -> Result<Json<TeamOut>, Problem> {
        let patch = TeamPatch {
            name: body.0.name.map(name).transpose()?,
            description: body.0.description.map(|description| text("description", Some(description))).transpose()?,
            archived: body.0.archived,
        };
        let row = self.0.config.store.team_patch(caller.org_id(), id.0, &patch, &caller.requested_by()).await?;
        Ok(Json(row.ok_or_else(|| no_team(id.0))?.into()))
    }

    /// List who was in a team when
    #[oai(path = "/team/teams/:id/members", method = "get", operation_id = "team_members_list")]
    async fn members(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        /// A person's id.
        person: Query<Option<Uuid>>,
        /// Only who was in it on this day.
        on: Query<Option<NaiveDate>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<MembershipOut>>, Problem> {
        let store = &self.0.config.store;
        store.team_fetch(caller.org_id(), id.0, today()).await?.ok_or_else(|| no_team(id.0))?;
        let on = on.0.map(|on| day("on", on)).transpose()?;
        let filter = TeamMembershipFilter { team: Some(id.0), person: person.0.map(PersonId), on };
        let rows = store.team_memberships_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, MembershipOut::from))
    }

    /// Put a person in a team
    ///
    /// From a day on, and until another if that is known: figures of last March count who was in it last March.
    #[oai(path = "/team/teams/:id/members", method = "post", operation_id = "team_member_add")]
    async fn member_add(&self, caller: Caller, id: Path<Uuid>, body: Body<MembershipIn>) -> Result<MemberAdded, Problem> {
        let body = body.0;
        let new = NewTeamMembership {
            team_id: id.0,
            person: PersonId(body.person_id),
            role: text("role", body.role)?,
            from_date: body.from.map_or_else(|| Ok(today()), |from| day_field("from", from))?,
            until_date: body.until.map(|until| day_field("until", until)).transpose()?,
        };
        let outcome = self.0.config.store.team_membership_create(caller.org_id(), &new, &caller.requested_by()).await?;
        Ok(MemberAdded::Added(Json(written(outcome, id.0, body.person_id)?)))
    }

    /// End a membership, or let it go on
    #[oai(path = "/team/teams/:id/members/:membership", method = "patch", operation_id = "team_member_patch")]
    async fn member_patch(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        membership: Path<i64>,
        body: Body<MembershipPatch>,
    ) -> Result<Json<MembershipOut>, Problem> {
        let until = body.0.until.map(|until| day_field("until", until)).transpose()?;
        self.membership(&caller, id.0, membership.0).await?;
        let store = &self.0.config.store;
        let outcome = store.team_membership_end(caller.org_id(), membership.0, until, &caller.requested_by()).await?;
        let outcome = outcome.ok_or_else(|| no_membership(id.0, membership.0))?;
        Ok(Json(written(outcome, id.0, Uuid::nil())?))
    }

    /// Take a membership away that never was
    #[oai(path = "/team/teams/:id/members/:membership", method = "delete", operation_id = "team_member_delete")]
    async fn member_delete(&self, caller: Caller, id: Path<Uuid>, membership: Path<i64>) -> Result<MemberRemoved, Problem> {
        self.membership(&caller, id.0, membership.0).await?;
        let removed = self.0.config.store.team_membership_delete(caller.org_id(), membership.0, &caller.requested_by()).await?;
        if removed { Ok(MemberRemoved::Removed) } else { Err(no_membership(id.0, membership.0)) }
    }
}

impl TeamsApi {
    /// The membership, if it is one of this team.
    async fn membership(&self, caller: &Caller, team: Uuid, membership: i64) -> Result<TeamMembershipRow, Problem> {
        let found = self.0.config.store.team_membership_fetch(caller.org_id(), membership).await?;
        found.filter(|row| row.team_id == team).ok_or_else(|| no_membership(team, membership))
    }
}

fn written(outcome: MembershipOutcome, team: Uuid, person: Uuid) -> Result<MembershipOut, Problem> {
    match outcome {
        MembershipOutcome::Written(row) => Ok(row.into()),
        MembershipOutcome::NoTeam => Err(no_team(team)),
        MembershipOutcome::NoPerson => Err(Problem::field("person_id", format!("there is no person {person}"))),
        MembershipOutcome::EndsBeforeItBegins(from) => {
            let hint = "Give the first day on which they are not in the team any more; take a membership that never was away with DELETE.";
            Err(Problem::field("until", format!("it is not after {from}, from which on they are in the team")).hint(hint))
        }
        MembershipOutcome::Overlap => Err(Problem::conflict(
            "The person is in the team at that time already.",
            format!("Look at the memberships (GET /team/teams/{team}/members) and change the one that is in the way."),
        )),
    }
}

fn no_team(id: Uuid) -> Problem {
    Problem::missing(format!("There is no team {id}, or it is closed."), "List what there is with GET /team/teams.")
}

fn no_membership(team: Uuid, id: i64) -> Problem {
    let hint = format!("List what there is with GET /team/teams/{team}/members.");
    Problem::missing(format!("The team {team} has no membership {id}."), hint)
}

fn name(name: String) -> Result<String, Problem> {
    text("name", Some(name))?.ok_or_else(|| Problem::field("name", "it is missing"))
}

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

/// A day that Postgres has.
fn sensible(day: NaiveDate) -> bool {
    use chrono::Datelike;
    (1900..=9999).contains(&day.year())
}

fn day(parameter: &str, day: NaiveDate) -> Result<NaiveDate, Problem> {
    if sensible(day) { Ok(day) } else { Err(Problem::parameter(parameter, "its year is not 1900 to 9999")) }
}

fn day_field(field: &str, day: NaiveDate) -> Result<NaiveDate, Problem> {
    if sensible(day) { Ok(day) } else { Err(Problem::field(field, "its year is not 1900 to 9999")) }
}

//! People and teams from a table: each row names a person, perhaps a team, and from when until when.
//!
//! All rows or none. The same table twice changes nothing the second time, and the order of its lines says nothing: a person is found by id, else
//! by e-mail (its own, or that of one account of exactly one person); a stretch that begins on the same day in the same team is changed,
//! not added. Everything is read, planned (`plan.rs`) and written at once, however many lines there are.

mod plan;
mod write;

use chrono::NaiveDate;
use ovia_domain::{OrgId, PersonId};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    Store, StoreError,
    audit::audit_in_txn,
    links::{epoch_raise_in_txn, matching_lock_in_txn},
};
use plan::{Known, Plan, Present, key};

/// One line of the table.
#[derive(Clone, Debug, Default)]
pub struct PersonImport {
    /// Where it stands, for messages.
    pub line: u64,
    pub person: Option<PersonId>,
    /// With `person` it becomes the person's address. Without, it says who is meant, and is their address only if they have none.
    pub email: Option<String>,
    /// Required for somebody not known yet; of somebody known it becomes the name.
    pub display_name: Option<String>,
    pub team: Option<String>,
    pub role: Option<String>,
    /// Required with a team.
    pub from_date: Option<NaiveDate>,
    pub until_date: Option<NaiveDate>,
}

/// A line that cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportProblem {
    pub line: u64,
    pub field: &'static str,
    pub message: String,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportOutcome {
    pub people_created: u64,
    pub people_updated: u64,
    pub teams_created: u64,
    pub memberships_created: u64,
    pub memberships_updated: u64,
    pub unchanged: u64,
    /// Not empty: nothing was written. In the order of the lines.
    pub problems: Vec<ImportProblem>,
}

impl Store {
    /// Imports all lines, or none where one has a problem; with `dry_run` none in any case.
    pub async fn people_import(&self, org: OrgId, rows: &[PersonImport], actor: &str, dry_run: bool) -> Result<ImportOutcome, StoreError> {
        let mut tx = self.pool.begin().await?;
        matching_lock_in_txn(&mut tx, org).await?;
        let mut plan = Plan::of_people(rows, people_read(&mut tx, org, rows).await?);
        let present = memberships_read(&mut tx, org, rows, &plan.persons()).await?;
        plan.memberships(rows, present);
        let outcome = plan.outcome();
        if dry_run || !outcome.problems.is_empty() {
            return Ok(outcome);
        }
        let is_changed = outcome.unchanged < rows.len() as u64;
        write::write(&mut tx, org, actor, plan).await?;
        if is_changed {
            // a matching run that has read what was before is to read again
            epoch_raise_in_txn(&mut tx, org, &[], "import", None, None).await?;
        }
        let data = json!({
            "lines": rows.len(),
            "people_created": outcome.people_created,
            "people_updated": outcome.people_updated,
            "teams_created": outcome.teams_created,
            "memberships_created": outcome.memberships_created,
            "memberships_updated": outcome.memberships_updated,
        });
        audit_in_txn(&mut tx, org, actor, "people.import", ("organisation", &org.to_string()), data).await?;
        tx.commit().await?;
        Ok(outcome)
    }
}

/// Everybody the lines may mean.
async fn people_read(tx: &mut PgConnection, org: OrgId, rows: &[PersonImport]) -> Result<Vec<Known>, StoreError> {
    let ids: Vec<Uuid> = rows.iter().filter_map(|row| row.person.map(|id| id.0)).collect();
    let mut emails: Vec<String> = rows.iter().filter_map(|row| text(row.email.as_deref())).map(key).collect();
    emails.sort_unstable();
    emails.dedup();
    Ok(sqlx::query_file_as!(Known, "src/people_import/known.sql", org.0, &ids, &emails).fetch_all(tx).await?)
}

/// The teams the lines name, and what these people have in them.
async fn memberships_read(tx: &mut PgConnection, org: OrgId, rows: &[PersonImport], people: &[Uuid]) -> Result<Present, StoreError> {
    let mut names: Vec<String> = rows.iter().filter_map(|row| text(row.team.as_deref())).map(key).collect();
    names.sort_unstable();
    names.dedup();
    let teams = sqlx::query!(
        r#"select t.id as "id!", n.name as "key!" from unnest($2::text[]) as n (name)
        join teams t on t.org_id = $1 and lower(t.name) = lower(n.name) and t.archived_at is null"#,
        org.0,
        &names
    );
    let teams: Vec<(String, Uuid)> = teams.map(|row| (row.key, row.id)).fetch_all(&mut *tx).await?;
    let ids: Vec<Uuid> = teams.iter().map(|team| team.1).collect();
    let stretches = sqlx::query_as!(
        plan::Membership,
        "select id, team_id, person_id, role, from_date, until_date from team_memberships
        where org_id = $1 and person_id = any($2) and team_id = any($3)",
        org.0,
        people,
        &ids
    );
    Ok(Present { teams, memberships: stretches.fetch_all(tx).await? })
}

fn text(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|value| !value.is_empty())
}

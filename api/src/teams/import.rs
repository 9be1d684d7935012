//! `POST /team/import`: people and teams from a CSV file, as a personnel department has it.

use chrono::{Datelike, NaiveDate};
use ovia_domain::PersonId;
use ovia_store::people_import::{ImportOutcome, PersonImport};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use uuid::Uuid;

use crate::{
    auth::Caller,
    problem::Problem,
    service::Tag,
    sheet::{CsvBody, LineError, LineErrorOut, Row, problem_of, rows},
    state::ApiState,
};

/// In any order; `email` or `person_id` is needed in every line.
const COLUMNS: [&str; 7] = ["person_id", "email", "name", "team", "role", "from", "until"];
/// Longest name, in characters.
const TEXT_MAX: usize = 1_000;

/// What an import did, or would do.
#[derive(Object)]
#[oai(rename = "TeamImported")]
struct TeamImportedOut {
    dry_run: bool,
    /// Lines that say something.
    lines: u64,
    people_created: u64,
    people_updated: u64,
    teams_created: u64,
    memberships_created: u64,
    memberships_updated: u64,
    /// Lines that are so already.
    unchanged: u64,
    /// Of a dry run; otherwise a file with wrong lines is refused as a whole.
    errors: Vec<LineErrorOut>,
}

pub(crate) struct TeamImportApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl TeamImportApi {
    /// Import people and teams
    ///
    /// CSV with the columns `email` or `person_id`, `name`, `team`, `role`, `from`, `until` (days as `2026-01-31`; `until` is the first day they are not
    /// in the team any more). Who is not known yet is made, and so are teams. All lines or none; the same file twice changes nothing. First a
    /// dry run.
    #[oai(path = "/team/import", method = "post", operation_id = "team_import")]
    async fn import(
        &self,
        caller: Caller,
        /// True if it is left out: says what would be done, and does nothing.
        dry_run: Query<Option<bool>>,
        body: CsvBody,
    ) -> Result<Json<TeamImportedOut>, Problem> {
        let dry_run = dry_run.0.unwrap_or(true);
        let lines = rows(&body.0, &COLUMNS, &[])?;
        let (mut people, mut errors) = (Vec::new(), Vec::new());
        for row in &lines {
            match person(row) {
                Ok(person) => people.push(person),
                Err(error) => errors.push(error),
            }
        }
        let only_look = dry_run || !errors.is_empty();
        let outcome = self.0.config.store.people_import(caller.org_id(), &people, &caller.requested_by(), only_look).await?;
        errors.extend(outcome.problems.iter().map(line_error));
        errors.sort_by_key(|error| error.line);
        if !dry_run && !errors.is_empty() {
            return Err(problem_of(&errors));
        }
        Ok(Json(TeamImportedOut::new(dry_run, lines.len(), &outcome, errors)))
    }
}

impl TeamImportedOut {
    fn new(dry_run: bool, lines: usize, outcome: &ImportOutcome, errors: Vec<LineError>) -> Self {
        Self {
            dry_run,
            lines: lines as u64,
            people_created: outcome.people_created,
            people_updated: outcome.people_updated,
            teams_created: outcome.teams_created,
            memberships_created: outcome.memberships_created,
            memberships_updated: outcome.memberships_updated,
            unchanged: outcome.unchanged,
            errors: errors.into_iter().map(LineErrorOut::from).collect(),
        }
    }
}

fn person(row: &Row) -> Result<PersonImport, LineError> {
    Ok(PersonImport {
        line: row.line,
        person: row.parse::<Uuid>("person_id", "an id")?.map(PersonId),
        email: text(row, "email")?,
        display_name: text(row, "name")?,
        team: text(row, "team")?,
        role: text(row, "role")?,
        from_date: day(row, "from")?,
        until_date: day(row, "until")?,
    })
}

fn text(row: &Row, column: &'static str) -> Result<Option<String>, LineError> {
    match row.get(column) {
        Some(text) if text.chars().count() > TEXT_MAX => Err(row.error(column, format!("it is longer than {TEXT_MAX} characters"))),
        text => Ok(text.map(str::to_owned)),
    }
}

fn day(row: &Row, column: &'static str) -> Result<Option<NaiveDate>, LineError> {
    let day: Option<NaiveDate> = row.parse(column, "a day as 2026-01-31")?;
    match day {
        Some(day) if !(1900..=9999).contains(&day.year()) => Err(row.error(column, "its year is not 1900 to 9999")),
        day => Ok(day),
    }
}

/// The store's own word for what is wrong with a line.
fn line_error(problem: &ovia_store::people_import::ImportProblem) -> LineError {
    let column = COLUMNS.into_iter().find(|column| *column == problem.field);
    LineError { line: problem.line, column, message: problem.message.clone() }
}

//! `POST /team/identity-mappings/import`: the decisions that were entered in an export.
//!
//! All lines are read before anything is done. Then each decision is one transaction, as if it were made by itself, with the version that the
//! export showed: what somebody else decided meanwhile is told by line, and the rest is done.

use ovia_domain::{IdentityId, PersonId, RunKind};
use ovia_store::{
    decisions::{Decider, Decision, DecisionError, RemapTo, Side},
    mappings::MappingRow,
};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use serde_json::json;
use uuid::Uuid;

use super::{
    decide::{kind, seen_account},
    export::COLUMNS,
    problems,
};
use crate::{
    auth::Caller,
    problem::Problem,
    runs_start::{new_run, queued_start},
    service::Tag,
    sheet::{CsvBody, LineError, LineErrorOut, Row, problem_of, rows},
    state::ApiState,
};

/// Most decisions of one file: a request has to end.
const DECISIONS_MAX: usize = 1_000;
/// Longest reason or name, in characters.
const TEXT_MAX: usize = 1_000;

/// What a file's decisions come to.
#[derive(Object)]
#[oai(rename = "DecisionsImported")]
struct ImportedOut {
    dry_run: bool,
    /// Lines with a decision that was taken, or would be.
    decisions: u64,
    /// Lines without one.
    unchanged: u64,
    items: Vec<ImportedLineOut>,
    /// Lines that are wrong, or that somebody else decided about meanwhile; the last one may say that the server failed there, and that lines from it on
    /// were not done. A file with wrong lines is refused as a whole, unless this is a
    /// dry run.
    errors: Vec<LineErrorOut>,
    /// The matching run that follows.
    run_id: Option<Uuid>,
}

/// One decision of a file.
#[derive(Object)]
#[oai(rename = "ImportedDecision")]
struct ImportedLineOut {
    line: u64,
    identity_id: Uuid,
    /// What was entered: `confirm`, `same`, `remap`, `new`, `never`.
    decision: String,
    /// What it does, as a sentence.
    summary: String,
    /// Null in a dry run.
    decision_id: Option<i64>,
}

/// A decision as it stands in a line.
struct Entered {
    line: u64,
    identity: Uuid,
    word: &'static str,
    summary: String,
    decision: Decision,
    reason: Option<String>,
}

pub(crate) struct ImportApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl ImportApi {
    /// Take the decisions of a changed export
    ///
    /// `decision` of a line is empty (nothing), `confirm` (the account is the person's it has, which `version` or `person_id` has to say), `same` (it is the candidate's person's), `remap` (it is
    /// the person's whose id is in `decision_person`), `new` (it is somebody's who is not known; `decision_person` may hold a name) or `never`
    /// (it and the candidate are never one person). First a dry run. At most 1,000 decisions at a time.
    #[oai(path = "/team/identity-mappings/import", method = "post", operation_id = "mappings_import")]
    async fn import(
        &self,
        caller: Caller,
        /// True if it is left out: says what would be done, and does nothing.
        dry_run: Query<Option<bool>>,
        body: CsvBody,
    ) -> Result<Json<ImportedOut>, Problem> {
        let rows = rows(&body.0, &COLUMNS, &["identity_id", "decision"])?;
        let all = rows.len();
        let (entered, errors) = self.entered(&caller, &rows).await?;
        let unchanged = (all - entered.len() - errors.len()) as u64;
        let dry_run = dry_run.0.unwrap_or(true);
        if !dry_run && !errors.is_empty() {
            return Err(problem_of(&errors));
        }
        let mut out = ImportedOut { dry_run, decisions: 0, unchanged, items: Vec::new(), errors: Vec::new(), run_id: None };
        out.errors = errors.into_iter().map(LineErrorOut::from).collect();
        for entered in entered {
            if dry_run {
                out.items.push(entered.out(None));
            } else if !self.take(&caller, entered, &mut out).await? {
                break;
            }
        }
        out.decisions = out.items.len() as u64;
        Ok(Json(out))
    }
}

impl ImportApi {
    /// What the lines decide, and what is wrong with them.
    async fn entered(&self, caller: &Caller, rows: &[Row]) -> Result<(Vec<Entered>, Vec<LineError>), Problem> {
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        for row in rows.iter().filter(|row| row.get("decision").is_some()) {
            if found.len() + errors.len() == DECISIONS_MAX {
                return Err(Problem::validation(format!("The file holds more than {DECISIONS_MAX} decisions."), Vec::new())
                    .hint("Cut it into several files."));
            }
            match self.line(caller, row).await? {
                Ok(entered) => found.push(entered),
                Err(error) => errors.push(error),
            }
        }
        Ok((found, errors))
    }

    async fn line(&self, caller: &Caller, row: &Row) -> Result<Result<Entered, LineError>, Problem> {
        let identity = match row.needed("identity_id", "an id") {
            Ok(identity) => identity,
            Err(error) => return Ok(Err(error)),
        };
        let Some(mapping) = self.0.config.store.mapping_fetch(caller.org_id(), IdentityId(identity)).await? else {
            return Ok(Err(row.error("identity_id", "there is no such account")));
        };
        Ok(entered(row, &mapping))
    }

    /// Decides, and adds to `out` what came of it. Whether to go on: what is done already is told whatever happens then.
    async fn take(&self, caller: &Caller, entered: Entered, out: &mut ImportedOut) -> Result<bool, Problem> {
        let by = Decider {
            actor: caller.requested_by(),
            reason: entered.reason.clone(),
            follow_up: new_run(caller, RunKind::Matching, None, json!({})),
        };
        let store = &self.0.config.store;
        let mut decided = store.decide(caller.org_id(), &by, &entered.decision).await;
        if let Err(DecisionError::Stale(stale)) = &decided
            && let Some(last) = &stale.last_decision
            && out.items.iter().any(|item| item.decision_id == Some(last.id))
        {
            // an earlier line of this file changed it: that is what the file says
            decided = store.decide(caller.org_id(), &by, &expecting(entered.decision.clone(), stale.version)).await;
        }
        self.0.metrics.decision(kind(&entered.decision), problems::outcome(&decided));
        match decided {
            Ok(decided) => {
                if let Some(run) = &decided.follow_up {
                    queued_start(&self.0, run).await;
                    out.run_id = Some(run.run_id.0);
                }
                out.items.push(entered.out(Some(decided.decision.id)));
            }
            Err(DecisionError::Store(error)) if out.items.is_empty() => return Err(error.into()),
            Err(DecisionError::Store(error)) => {
                tracing::error!(%error, line = entered.line, "failed in the middle of a file of decisions");
                let message = "the server failed here: this line and those below were not done, those above were. Send them again".into();
                out.errors.push(LineError { line: entered.line, column: None, message }.into());
                return Ok(false);
            }
            Err(error) => {
                let message = problems::decision(error).detail;
                out.errors.push(LineError { line: entered.line, column: None, message }.into());
            }
        }
        Ok(true)
    }
}

impl Entered {
    fn out(self, decision_id: Option<i64>) -> ImportedLineOut {
        ImportedLineOut { line: self.line, identity_id: self.identity, decision: self.word.to_owned(), summary: self.summary, decision_id }
    }
}

/// What one line decides.
fn entered(row: &Row, mapping: &MappingRow) -> Result<Entered, LineError> {
    let version: Option<i64> = row.parse("version", "a number")?;
    if version.is_some_and(|version| version != mapping.version) {
        let by = mapping.decided_by.as_deref().map(|actor| format!(" by {actor}")).unwrap_or_default();
        return Err(row.error("version", format!("the account has changed since the export{by}: it is at version {} now", mapping.version)));
    }
    let account = seen_account(mapping.identity_id, version);
    let name = format!("{} {}", mapping.source, mapping.username.as_deref().unwrap_or(&mapping.external_id));
    let reason = limited(row, "reason")?;
    let needed = |column: &'static str| row.needed::<Uuid>(column, "an id");
    let (word, decision, summary) = match row.need("decision")?.to_lowercase().as_str() {
        "confirm" => {
            let shown: Option<Uuid> = row.parse("person_id", "an id")?;
            if version.is_none() && shown.is_none() {
                return Err(row.error("decision", "`confirm` needs `version` or `person_id`: who the account is said to be"));
            }
            if shown.is_some_and(|shown| shown != mapping.person_id) {
                let whose = &mapping.person_name;
                return Err(
                    row.error("person_id", format!("the account is {whose}'s now ({}): `confirm` would confirm that", mapping.person_id))
                );
            }
            let person = PersonId(mapping.person_id);
            ("confirm", Decision::Confirm { account, person }, format!("{name} is {}", mapping.person_name))
        }
        "same" => {
            let person = PersonId(needed("candidate_person_id")?);
            let whose = row.get("candidate_person_name").map_or_else(|| person.to_string(), str::to_owned);
            ("same", Decision::Confirm { account, person }, format!("{name} is {whose}"))
        }
        "remap" => {
            let person = PersonId(needed("decision_person")?);
            (
                "remap",
                Decision::Remap { account, to: RemapTo::Person(person) },
                format!("{name} is not {} but {person}", mapping.person_name),
            )
        }
        "new" => {
            let display_name = limited(row, "decision_person")?;
            let summary = format!("{name} is not {} but somebody new", mapping.person_name);
            ("new", Decision::Remap { account, to: RemapTo::New { display_name } }, summary)
        }
        "never" => {
            let other = needed("candidate_identity_id")?;
            let whom = row.get("candidate_account").map_or_else(|| other.to_string(), str::to_owned);
            let decision = Decision::Never { one: Side::Account(account), other: Side::Account(seen_account(other, None)) };
            ("never", decision, format!("{name} and {whom} are never one person"))
        }
        _ => return Err(row.error("decision", "it is none of confirm, same, remap, new, never")),
    };
    Ok(Entered { line: row.line, identity: mapping.identity_id, word, summary, decision, reason })
}

fn limited(row: &Row, column: &'static str) -> Result<Option<String>, LineError> {
    match row.get(column) {
        Some(text) if text.chars().count() > TEXT_MAX => Err(row.error(column, format!("it is longer than {TEXT_MAX} characters"))),
        text => Ok(text.map(str::to_owned)),
    }
}

/// The same decision about the version there is now.
fn expecting(decision: Decision, version: i64) -> Decision {
    match decision {
        Decision::Confirm { account, person } => Decision::Confirm { account: seen_account(account.identity.0, Some(version)), person },
        Decision::Remap { account, to } => Decision::Remap { account: seen_account(account.identity.0, Some(version)), to },
        Decision::Never { one: Side::Account(account), other } => {
            Decision::Never { one: Side::Account(seen_account(account.identity.0, Some(version))), other }
        }
        other => other,
    }
}

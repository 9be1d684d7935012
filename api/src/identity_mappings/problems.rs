//! Why something is not decided, said so that whoever was second knows who was first.

use chrono::{DateTime, SecondsFormat, Utc};
use ovia_store::decisions::{Decided, DecisionBrief, DecisionError, Stale};

use crate::problem::Problem;

/// The label a decision is counted under.
pub(super) fn outcome(decided: &Result<Decided, DecisionError>) -> &'static str {
    match decided {
        Ok(_) => "done",
        Err(DecisionError::NotFound { .. } | DecisionError::Invalid { .. }) => "invalid",
        Err(DecisionError::Store(_)) => "failed",
        Err(_) => "conflict",
    }
}

/// The answer to a decision that was not taken.
pub(super) fn decision(error: DecisionError) -> Problem {
    match error {
        DecisionError::NotFound { what, id } => not_found(what, &id),
        DecisionError::Invalid { field, message } => Problem::field(wire_name(field), message),
        DecisionError::Stale(stale) => self::stale(&stale),
        DecisionError::Refused { message, hint } => Problem::conflict(message, hint),
        DecisionError::Contradicts { message, decisions } => {
            Problem::conflict(format!("{} {}", sentence(&message), said(&decisions)), undo_first(&decisions))
        }
        DecisionError::BuiltOn { decision, later } => Problem::conflict(
            format!("Decision {decision} cannot be undone: later ones about the same accounts build on it. {}", said(&later)),
            undo_first(&later),
        ),
        DecisionError::PlanChanged => Problem::conflict(
            "What would be confirmed is not what the dry run said any more.",
            "Do the dry run again, look at it, and send its token.",
        ),
        DecisionError::Store(error) => error.into(),
    }
}

fn not_found(what: &str, id: &str) -> Problem {
    let list = match what {
        "person" => "GET /team/people",
        "team" => "GET /team/teams",
        "decision" => "GET /team/identity-mappings/decisions",
        _ => "GET /identities",
    };
    Problem::missing(format!("There is no {what} {id}."), format!("List what there is with {list}."))
}

fn stale(stale: &Stale) -> Problem {
    let by = match &stale.last_decision {
        Some(last) => format!(" What changed it is {}.", brief(last)),
        None => " It was no decision: a matching run changed it, or an import.".to_owned(),
    };
    let now = match (&stale.status, &stale.person_id) {
        (Some(status), Some(person)) => format!(" Its link is `{status}`, to person {person}."),
        _ => String::new(),
    };
    Problem::conflict(
        format!(
            "The {} {} has changed since you looked: it is at version {}, not {}.{by}{now}",
            stale.what, stale.id, stale.version, stale.expected
        ),
        match stale.what {
            "person" => format!("Look again (GET /team/people/{}) and decide with the version it has now.", stale.id),
            _ => format!("Look again (GET /team/identity-mappings/{}) and decide with the version it has now.", stale.id),
        },
    )
}

fn undo_first(decisions: &[DecisionBrief]) -> String {
    let ids: Vec<String> = decisions.iter().rev().map(|decision| decision.id.to_string()).collect();
    format!("Undo first, in this order: {} (POST /team/identity-mappings/undo, `ovia people undo`).", ids.join(", "))
}

/// Who decided what, when.
fn said(decisions: &[DecisionBrief]) -> String {
    let briefs: Vec<String> = decisions.iter().map(brief).collect();
    format!("In the way: {}.", briefs.join("; "))
}

fn brief(decision: &DecisionBrief) -> String {
    format!("decision {} ({}) of {}, {}", decision.id, decision.kind.replace('_', " "), decision.actor, time(decision.decided_at))
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn sentence(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str() + ".").unwrap_or_default()
}

/// A field as requests name it.
fn wire_name(field: &str) -> &str {
    match field {
        "from" => "other_person_id",
        "identities" => "identity_ids",
        "people" => "person_ids",
        field => field,
    }
}

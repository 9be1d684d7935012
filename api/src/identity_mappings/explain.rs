//! Evidence as a sentence, from the trace that matching left: what speaks for it first, then what speaks against it.

use ovia_store::{links::LinkStatus, mappings::MappingRow};
use serde_json::Value;

/// Why an account is whose it is.
pub fn mapping(row: &MappingRow) -> String {
    let status = LinkStatus::parse(&row.status);
    let mut text = match status {
        Some(LinkStatus::Confirmed) => match &row.decided_by {
            Some(actor) => format!("Confirmed by {actor}"),
            None => "Confirmed by a person".to_owned(),
        },
        Some(LinkStatus::Rejected) => match &row.decided_by {
            Some(actor) => format!("Refused by {actor}"),
            None => "Refused by a person".to_owned(),
        },
        Some(LinkStatus::Superseded) if row.decided_by.is_some() => {
            format!("Was confirmed by {}", row.decided_by.as_deref().unwrap_or_default())
        }
        Some(LinkStatus::Superseded) if row.conflict_since.is_some() => "Was left for a person to decide".to_owned(),
        Some(LinkStatus::Superseded) => format!("Was linked automatically ({} sure)", percent(row.confidence)),
        Some(LinkStatus::Conflict) => match row.candidates.len() {
            1 => format!("Left for a person to decide: {} likely to be the same as one other account", percent(row.confidence)),
            others => {
                format!("Left for a person to decide: {} likely to be the same as one of {others} other accounts", percent(row.confidence))
            }
        },
        _ if details(&row.trace, |_| true).is_empty() => "No other account is like this one".to_owned(),
        _ => format!("Linked automatically ({} sure)", percent(row.confidence)),
    };
    let trace = match (status, row.candidates.first()) {
        (Some(LinkStatus::Conflict), Some(candidate)) => &candidate.trace,
        _ => &row.trace,
    };
    if !matches!(status, Some(LinkStatus::Confirmed | LinkStatus::Rejected | LinkStatus::Superseded)) {
        push(&mut text, ": ", &details(trace, |odds| odds >= 0.0));
        push(&mut text, ", although ", &details(trace, |odds| odds < 0.0));
    }
    push(&mut text, "; against the decision speaks: ", &details(&row.contradicts, |_| true));
    if let Some(actor) = &row.ended_by {
        text += &format!(", until {actor} changed it");
    }
    text + "."
}

/// What speaks for and against two accounts being one person's.
pub fn candidate(trace: &Value) -> String {
    let mut text = String::new();
    push(&mut text, "", &details(trace, |odds| odds >= 0.0));
    let lead = if text.is_empty() { "" } else { ", although " };
    push(&mut text, lead, &details(trace, |odds| odds < 0.0));
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str() + ".").unwrap_or_default()
}

/// The clauses whose weight is as `wanted`; each once.
fn details(trace: &Value, wanted: impl Fn(f64) -> bool) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for evidence in trace.as_array().into_iter().flatten() {
        // the only account somebody has: that is no evidence
        let is_none = evidence["rule"] == "only_account";
        let detail = evidence["detail"].as_str().unwrap_or_default();
        if !is_none && !detail.is_empty() && !found.contains(&detail) && wanted(evidence["log_odds"].as_f64().unwrap_or(0.0)) {
            found.push(detail);
        }
    }
    found
}

fn push(text: &mut String, lead: &str, details: &[&str]) {
    let Some((last, rest)) = details.split_last() else { return };
    text.push_str(lead);
    text.push_str(&rest.join(", "));
    if !rest.is_empty() {
        text.push_str(" and ");
    }
    text.push_str(last);
}

/// Rounded down: 99.96 % is not certainty.
fn percent(confidence: f64) -> String {
    format!("{} %", (confidence * 100.0).floor())
}

#[cfg(test)]
mod tests {
    use super::candidate;
    use serde_json::json;

    #[test]
    fn what_is_for_it_comes_first() {
        let trace = json!([{"detail": "the domains differ", "log_odds": -1.0}, {"detail": "the same full name", "log_odds": 4.0},
            {"detail": "a rare surname", "log_odds": 1.0}, {"detail": "the same full name", "log_odds": 4.0}]);
        assert_eq!(candidate(&trace), "The same full name and a rare surname, although the domains differ.");
        assert_eq!(candidate(&json!([{"detail": "an old trace without weights"}])), "An old trace without weights.");
        assert_eq!(candidate(&json!([])), "");
    }
}

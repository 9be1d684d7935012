//! A link's trace as one sentence for people.

use crate::outcome::{Evidence, Link, LinkClass, Rule};

/// Why the account is where it is: the evidence for, the evidence against, and what nearly changed it.
pub fn sentence(link: &Link) -> String {
    let mut text = match link.class {
        LinkClass::Confirmed => "Confirmed by a person".to_owned(),
        LinkClass::Auto if link.rule == Rule::OnlyAccount => "Linked with no other account".to_owned(),
        LinkClass::Auto => format!("Linked automatically ({} sure)", percent(link.confidence)),
        LinkClass::Conflict => {
            let others = link.candidates.len();
            let whom = if others == 1 { "one other account".to_owned() } else { format!("{others} other accounts") };
            format!("Left for a person to decide: {} likely to be the same as {whom}", percent(link.confidence))
        }
    };
    let trace: &[Evidence] = match (link.class, link.candidates.first()) {
        (LinkClass::Conflict, Some(candidate)) => &candidate.trace,
        _ => &link.trace,
    };
    push(&mut text, ": ", trace.iter().filter(|evidence| evidence.log_odds >= 0.0 && evidence.rule != Rule::OnlyAccount));
    push(&mut text, ", although ", trace.iter().filter(|evidence| evidence.log_odds < 0.0));
    if let Some(nearly) = &link.nearly {
        text.push_str("; ");
        text.push_str(nearly);
    }
    push(&mut text, "; against the decision speaks ", link.contradicts.iter());
    text.push('.');
    text
}

fn push<'a>(text: &mut String, lead: &str, evidence: impl Iterator<Item = &'a Evidence>) {
    let mut details: Vec<&str> = evidence.map(|evidence| evidence.detail.as_str()).collect();
    details.dedup();
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

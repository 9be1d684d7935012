//! Evidence in words.

use crate::{
    compare::{Comparison, Signal},
    features::{Features, Handle},
    outcome::{Evidence, Family, Rule},
    text::{collapse, known},
    types::IdentityIn,
};

/// One account with its features, to be written about.
#[derive(Clone, Copy)]
pub(crate) struct Party<'a> {
    pub(crate) identity: &'a IdentityIn,
    pub(crate) features: &'a Features,
}

/// A comparison's signals as evidence at `me`, pointing to `other`; those for first, strongest first. `is_turned`: the comparison was made
/// with `other` as the first account.
pub(crate) fn trace(comparison: &Comparison, me: Party<'_>, other: Party<'_>, is_turned: bool) -> Vec<Evidence> {
    let (first, second) = if is_turned { (other, me) } else { (me, other) };
    comparison
        .signals()
        .map(|signal| Evidence {
            rule: signal.rule,
            family: signal.family,
            detail: detail(signal, first, second),
            with: (signal.family != Family::Corpus).then_some(other.identity.id),
            // to four digits: more say nothing
            log_odds: (signal.log_odds * 1e4).round() / 1e4,
        })
        .collect()
}

pub(crate) fn certainty(rule: Rule, detail: String, other: Option<&IdentityIn>) -> Evidence {
    Evidence { rule, family: Family::Certainty, detail, with: other.map(|other| other.id), log_odds: 0.0 }
}

fn detail(signal: Signal, first: Party<'_>, second: Party<'_>) -> String {
    let handle = signal.handle.and_then(|handle| {
        let party = if handle.is_first { first } else { second };
        party.features.handles.get(handle.index as usize)
    });
    let handle = |fallback: &str| handle.map_or_else(|| fallback.to_owned(), |handle: &Handle| handle.text.to_string());
    let (one, other) = (name(first), name(second));
    let names = || format!("`{one}` and `{other}`");
    match signal.rule {
        Rule::ExactEmail => format!("same e-mail `{}`", address(first)),
        Rule::RelayAccount => format!("relay addresses of one account, `{}` and `{}`", address(first), address(second)),
        Rule::ExactFullName => format!("same full name `{}`", one.to_lowercase()),
        Rule::NameOrder => format!("the same name in another order, {}", names()),
        Rule::Nickname => format!("a short form of the first name, {}", names()),
        Rule::MiddleName => format!("names that share two words, {}", names()),
        Rule::NameInitial => format!("an initial for a name, {}", names()),
        Rule::SimilarName => format!("names a few letters apart, {}", names()),
        Rule::SingleName => format!("same single name `{}`", handle("")),
        Rule::SameLogin => format!("same login `{}`", handle("")),
        Rule::SameLocalPart => format!("same local part `{}` at two domains", handle("")),
        Rule::LoginDigits => format!("same login `{}` but for digits at the end", handle("")),
        Rule::LoginFromName => {
            let of = if signal.handle.is_some_and(|handle| handle.is_first) { &other } else { &one };
            format!("login `{}` made of the name `{of}`", handle(""))
        }
        Rule::SameDomain => format!("addresses at one domain, `{}`", domain(first)),
        Rule::DomainFromName => {
            let of = if domain(first).is_empty() { domain(second) } else { domain(first) };
            format!("a domain named like the account, `{of}`")
        }
        Rule::CoOccurrence => "seen together in merge requests or branches".to_owned(),
        Rule::SameHours => "at work in the same project at the same hours".to_owned(),
        Rule::OtherHours => "never at work at the same hours of the day".to_owned(),
        Rule::OtherName => format!("the names `{one}` and `{other}` differ"),
        Rule::OtherAccount => "both are accounts of one source".to_owned(),
        Rule::Namesakes => {
            format!("different addresses, `{}` and `{}`, so perhaps two people of one name", address(first), address(second))
        }
        Rule::CorpusSize => "in an organisation of this size more is alike by chance".to_owned(),
        Rule::HumanDecision | Rule::SharedAccountId | Rule::ServiceAccount | Rule::OnlyAccount => signal.rule.as_str().to_owned(),
    }
}

fn name(party: Party<'_>) -> String {
    known(party.identity.display_name.as_deref()).map(collapse).unwrap_or_default()
}

fn address(party: Party<'_>) -> String {
    known(party.identity.email.as_deref())
        .or_else(|| known(party.identity.display_name.as_deref()))
        .map(str::to_lowercase)
        .unwrap_or_default()
}

fn domain(party: Party<'_>) -> String {
    if party.features.domain.is_none() {
        return String::new();
    }
    address(party).rsplit('@').next().unwrap_or_default().to_owned()
}

//! From groups to clusters and links: names, addresses, classes and traces.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    accounts::Account,
    engine::{Engine, Finding},
    outcome::{Candidate, Cluster, Evidence, Family, Link, LinkClass, MatchOutput, Rule, Shared},
    people,
    text::{collapse, known},
    types::IdentityIn,
};

/// That the candidate of a conflict is the same person. In the labelled open histories practically all candidates are; in a company,
/// where namesakes have addresses of their own, that is not known. Even odds keep a question from looking like an answer.
const CONFLICT_CONFIDENCE: f64 = 0.5;

pub(crate) fn write(engine: Engine<'_>) -> MatchOutput {
    let labels = engine.labels();
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, label) in labels.iter().enumerate() {
        members.entry(*label).or_default().push(index);
    }
    let groups: Vec<Vec<&Account<'_>>> =
        members.values().map(|group| group.iter().map(|index| &engine.accounts[*index]).collect()).collect();
    let identities: Vec<Vec<&IdentityIn>> = groups.iter().map(|group| group.iter().map(|account| account.identity).collect()).collect();
    let persons = people::keep(&identities);
    let clusters = groups
        .iter()
        .zip(persons)
        .map(|(group, person)| {
            Arc::new(Cluster {
                person,
                is_bot: group.iter().all(|account| account.bot.is_some()),
                display_name: display_name(group),
                primary_email: primary_email(group),
                members: group.iter().map(|account| account.identity.id).collect(),
            })
        })
        .collect();
    let position: HashMap<usize, usize> = members.keys().enumerate().map(|(position, label)| (*label, position)).collect();
    let places = engine.accounts.iter().zip(&labels).map(|(account, label)| (account, position.get(label).copied().unwrap_or_default()));
    let links = places.zip(engine.findings).map(|((account, cluster), finding)| link(account, cluster, finding)).collect();
    MatchOutput { clusters, links }
}

fn confidence(rule: Rule) -> f64 {
    match rule {
        Rule::ExactEmail => 0.99,
        Rule::ExactFullName => 0.97,
        _ => 1.0,
    }
}

fn link(account: &Account<'_>, cluster: usize, finding: Finding) -> Link {
    let Finding { mut trace, joined_by, asked_by } = finding;
    let (class, rule, confidence) = match (account.identity.confirmed_person, asked_by, joined_by) {
        (Some(_), _, _) => (LinkClass::Confirmed, Rule::HumanDecision, confidence(Rule::HumanDecision)),
        (None, Some(rule), _) => (LinkClass::Conflict, rule, CONFLICT_CONFIDENCE),
        (None, None, Some(rule)) => (LinkClass::Auto, rule, confidence(rule)),
        (None, None, None) => (LinkClass::Auto, Rule::OnlyAccount, confidence(Rule::OnlyAccount)),
    };
    if rule == Rule::OnlyAccount {
        trace.push(Evidence {
            rule,
            family: Family::Certainty,
            detail: "no other account is linked with it".to_owned(),
            with: None,
            log_odds: 0.0,
        });
    }
    let candidate =
        |evidence: &Evidence| Some(Candidate { identity: evidence.with?, confidence: CONFLICT_CONFIDENCE, trace: vec![evidence.clone()] });
    let candidates: Vec<Candidate> = if class == LinkClass::Conflict { trace.iter().filter_map(candidate).collect() } else { Vec::new() };
    Link {
        identity: account.identity.id,
        cluster,
        class,
        confidence,
        rule,
        trace: trace.into(),
        candidates: candidates.into(),
        nearly: None,
        contradicts: Shared::default(),
    }
}

/// The commonest display name that is a full name, else the commonest of any; of equally common ones the longest.
fn display_name(group: &[&Account<'_>]) -> String {
    let named = group.iter().filter_map(|account| {
        let name = known(account.identity.display_name.as_deref())?;
        Some((account.full_name.is_some(), collapse(name)))
    });
    let fallback = || {
        let texts = |field: fn(&IdentityIn) -> Option<&str>| group.iter().filter_map(|account| known(field(account.identity))).min();
        let username = texts(|identity| identity.username.as_deref());
        let email = || texts(|identity| identity.email.as_deref());
        let external_id = || texts(|identity| Some(&identity.external_id));
        username.or_else(email).or_else(external_id).unwrap_or_default().to_owned()
    };
    commonest(named).map_or_else(fallback, |(_, name)| name)
}

/// As written, not as compared: a stripped tag may be what makes the address arrive. Private relays only where there is nothing else.
fn primary_email(group: &[&Account<'_>]) -> Option<String> {
    let usable = group.iter().filter(|account| account.email.is_some());
    let written = usable.filter_map(|account| known(account.identity.email.as_deref()).map(str::to_lowercase));
    commonest(written.map(|email| (!email.contains("@users.noreply."), email))).map(|(_, email)| email)
}

/// The best (flag, text): flagged first, then the commonest, the longest, and the first in the alphabet.
fn commonest(texts: impl Iterator<Item = (bool, String)>) -> Option<(bool, String)> {
    let mut counts: BTreeMap<(bool, String), usize> = BTreeMap::new();
    for text in texts {
        *counts.entry(text).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|((flag, text), count)| (*flag, *count, text.chars().count(), Reverse(text.clone())))
        .map(|(text, _)| text)
}

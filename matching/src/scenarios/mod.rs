//! Whole runs over small sets of invented accounts: the failure classes this rule set meets, decisions, and what stays over reruns.

mod activity;
mod bots;
mod decisions;
mod emails;
mod explained;
mod hosts;
mod logins;
mod names;
mod persons;
mod settings;
mod together;

use crate::{
    LinkClass, Rule,
    testing::{account, identity, run},
};

#[test]
fn nobody_gives_nothing() {
    let answer = run([]);
    assert!(answer.0.clusters.is_empty() && answer.0.links.is_empty());
}

#[test]
fn a_single_account_is_its_own_person() {
    let answer = run([account(1).username("mholt").name("Mina Holt").email("mina.holt@acme.test")]);
    let link = answer.link(1);
    assert_eq!((link.class, link.rule, link.confidence), (LinkClass::Auto, Rule::OnlyAccount, 1.0));
    assert_eq!(link.rule.as_str(), "only account");
    assert_eq!(link.trace.len(), 1);
    let cluster = answer.cluster(1);
    assert_eq!(
        (cluster.display_name.as_str(), cluster.primary_email.as_deref(), cluster.person),
        ("Mina Holt", Some("mina.holt@acme.test"), None)
    );
}

#[test]
fn accounts_without_any_field_stay_apart() {
    let answer = run([account(1), account(2), account(3)]);
    assert_eq!(answer.clusters(), [[1], [2], [3]]);
    assert_eq!(answer.cluster(2).display_name, "2", "an external id is a name at last");
}

#[test]
fn one_account_seen_through_two_connections_is_one() {
    let answer = run([
        account(1).at("git.acme.test", "7").name("Mina Holt"),
        account(2).at("git.acme.test", "7").name("M. Holt-Berg").email("mina@acme.test"),
        account(3).at("git.other.test", "7").name("Odd Lund"),
    ]);
    assert_eq!(answer.clusters(), [vec![1, 2], vec![3]]);
    let link = answer.link(1);
    assert_eq!((link.class, link.rule, link.confidence), (LinkClass::Auto, Rule::SharedAccountId, 1.0));
    assert_eq!(link.trace[0].with, Some(identity(2)));
    assert!(link.trace[0].detail.contains("git.acme.test"), "{}", link.trace[0].detail);
}

#[test]
fn evidence_adds_up_over_rules_and_the_strongest_is_named() {
    let answer = run([
        account(1).name("Mina Holt").email("mina@acme.test"),
        account(2).name("Mina Holt").email("MINA+git@acme.test"),
        account(3).name("mina  holt"),
    ]);
    assert_eq!(answer.clusters(), [[1, 2, 3]]);
    let rules: Vec<Rule> = answer.link(1).trace.iter().map(|evidence| evidence.rule).collect();
    assert_eq!((answer.link(1).rule, rules), (Rule::ExactEmail, vec![Rule::ExactEmail, Rule::ExactFullName]));
    assert_eq!(answer.link(3).rule, Rule::ExactFullName);
    assert!(answer.link(1).confidence > answer.link(3).confidence && answer.link(3).confidence > 0.97);
}

#[test]
fn a_trace_is_json_a_person_can_read() {
    let answer = run([account(1).name("Mina Holt"), account(2).name("Mina Holt")]);
    let json = serde_json::to_value(&answer.link(1).trace).unwrap_or_default();
    let expected = serde_json::json!([{
        "rule": "exact full name", "family": "name", "detail": "same full name `mina holt`", "with": identity(2), "log_odds": 4.4,
    }]);
    assert_eq!(json, expected);
}

#[test]
fn rules_have_one_name_each() {
    for rule in Rule::ALL {
        assert_eq!(serde_json::to_value(rule).unwrap_or_default(), rule.as_str());
    }
    let names: std::collections::HashSet<&str> = Rule::ALL.iter().map(|rule| rule.as_str()).collect();
    assert_eq!(names.len(), Rule::ALL.len());
}

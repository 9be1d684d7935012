//! What is said about a link.

use crate::{
    Family, LinkClass, Rule, sentence,
    testing::{account, run},
};

#[test]
fn a_sentence_says_why() {
    let answer = run([account(1).name("Mina Holt").email("mina@acme.test"), account(2).name("Mina Berg").email("mina@acme.test")]);
    let text = sentence(answer.link(1));
    assert!(text.starts_with("Linked automatically (9"), "{text}");
    assert!(
        text.contains("same e-mail `mina@acme.test`") && text.contains(", although the names `Mina Holt` and `Mina Berg` differ"),
        "{text}"
    );
    let alone = run([account(1).name("Mina Holt")]);
    assert_eq!(sentence(alone.link(1)), "Linked with no other account.");
}

#[test]
fn a_question_names_its_candidates_and_what_is_missing() {
    let answer = run([
        account(1).username("rook").name("Jan Berg").email("jan.berg@acme.test"),
        account(2).username("heron").name("Jan Berg").email("jberg@acme.test"),
    ]);
    let text = sentence(answer.link(1));
    assert!(text.starts_with("Left for a person to decide: "), "{text}");
    assert!(text.contains("one other account: same full name `jan berg`"), "{text}");
    assert!(text.contains("it would have been linked but that different addresses"), "{text}");
}

#[test]
fn what_each_piece_added_makes_up_the_confidence() {
    let answer = run([
        account(1).name("Mina Holt").email("mina@acme.test"),
        account(2).source("jira").username("mina77").name("Mina Holt").email("mina@acme.test"),
        account(3).name("Mina Berg").email("mina@acme.test"),
    ]);
    for link in &answer.0.links {
        let sum: f64 = link.trace.iter().map(|evidence| evidence.log_odds).sum();
        let expected = (1.0 / (1.0 + (-sum).exp())).min(0.999);
        assert!((link.confidence - expected).abs() < 1e-3, "{link:?}");
        let families: Vec<Family> = link.trace.iter().filter(|evidence| evidence.log_odds > 0.0).map(|evidence| evidence.family).collect();
        let distinct: std::collections::HashSet<_> = families.iter().collect();
        assert_eq!(distinct.len(), families.len(), "the best of each family only");
    }
}

#[test]
fn a_service_account_says_how_it_was_told() {
    let answer = run([account(1).username("acme-ci").name("Pipeline")]);
    let link = answer.link(1);
    assert_eq!((link.class, link.trace[0].rule), (LinkClass::Auto, Rule::ServiceAccount));
    assert!(link.trace[0].detail.contains("`ci` in the user name"));
}

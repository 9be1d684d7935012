//! When and where accounts are at work: a little for pairs that something else holds, a little against, and nothing by itself.

use crate::{
    Activity, LinkClass, MatchConfig, Rule, Weights,
    testing::{account, run, run_config},
};

fn at_work(from: usize, each: u32, project: &str) -> Activity {
    let mut hours = [0; 24];
    (from..from + 8).for_each(|hour| hours[hour % 24] = each);
    Activity { hours, projects: vec![project.to_owned()] }
}

fn pair(one: Activity, other: Activity) -> [crate::testing::Builder; 2] {
    [
        account(1).username("snowrook").name("Robert Fjellheim").activity(one),
        account(2).source("jira").username("heronwing").name("Bob Fjellheim").activity(other),
    ]
}

#[test]
fn the_same_hours_in_one_project_settle_what_is_nearly_settled() {
    let without = run([
        account(1).username("snowrook").name("Robert Fjellheim"),
        account(2).source("jira").username("heronwing").name("Bob Fjellheim"),
    ]);
    assert_eq!(without.link(2).class, LinkClass::Conflict);
    let with = run(pair(at_work(7, 10, "web"), at_work(8, 5, "web")));
    assert!(with.together(1, 2), "{:?}", with.link(2));
    let trace = &with.link(2).trace;
    let evidence = trace.iter().find(|evidence| evidence.rule == Rule::SameHours).unwrap_or_else(|| panic!("{trace:?}"));
    assert!(evidence.log_odds > 0.0 && evidence.log_odds < 0.5, "{evidence:?}");
    assert!(crate::sentence(with.link(2)).contains("at work in the same project at the same hours"), "{}", crate::sentence(with.link(2)));
    for other in [at_work(8, 5, "docs"), at_work(8, 1, "web")] {
        assert_eq!(run(pair(at_work(7, 10, "web"), other)).link(2).class, LinkClass::Conflict, "another project, or too little to tell");
    }
}

#[test]
fn two_who_are_never_at_work_at_the_same_time_are_less_likely_one() {
    let apart = run(pair(at_work(7, 10, "web"), at_work(19, 10, "web")));
    assert_eq!(apart.link(2).class, LinkClass::Conflict);
    let evidence = &apart.link(2).candidates[0].trace;
    assert!(evidence.iter().any(|evidence| evidence.rule == Rule::OtherHours && evidence.log_odds < 0.0), "{evidence:?}");
    assert!(apart.link(2).confidence < run(pair(at_work(7, 10, "web"), at_work(8, 10, "docs"))).link(2).confidence);
}

#[test]
fn hours_alone_link_nobody() {
    let work = || at_work(7, 100, "web");
    let answer = run([
        account(1).username("snowrook").activity(work()),
        account(2).source("jira").username("heronwing").activity(work()),
        account(3).source("jira").name("Odd Lund").activity(work()),
    ]);
    assert_eq!(answer.clusters(), [[1], [2], [3]]);
    assert!([1, 2, 3].into_iter().all(|id| answer.link(id).candidates.is_empty()));
}

#[test]
fn hours_do_not_lift_common_names() {
    let crowd = (10..20u128).map(|id| {
        account(id).source("git").name(
            [
                "Robert Vik",
                "Robert Moe",
                "Robert Dahl",
                "Robert Lie",
                "Robert Aas",
                "Siv Fjellheim",
                "Odd Fjellheim",
                "Liv Fjellheim",
                "Tor Fjellheim",
                "Eli Fjellheim",
            ][id as usize - 10],
        )
    });
    let answer = run(crowd.chain(pair(at_work(7, 10, "web"), at_work(8, 5, "web"))));
    assert!(!answer.together(1, 2));
    let candidates = answer.link(2).candidates.iter().flat_map(|candidate| &candidate.trace);
    assert!(candidates.chain(answer.link(2).trace.iter()).all(|evidence| evidence.rule != Rule::SameHours));
}

#[test]
fn hours_of_one_source_and_hours_that_are_switched_off_say_nothing() {
    let one_source = [
        account(1).username("snowrook").name("Robert Fjellheim").activity(at_work(7, 10, "web")),
        account(2).username("heronwing").name("Bob Fjellheim").activity(at_work(8, 5, "web")),
    ];
    assert!(!run(one_source).together(1, 2));
    let off = MatchConfig { weights: Weights { co_occurrence: 0.0, ..Weights::default() }, ..MatchConfig::default() };
    let answer = run_config(pair(at_work(7, 10, "web"), at_work(8, 5, "web")), &crate::Inputs::default(), &off);
    assert!(!answer.together(1, 2));
}

//! What an organisation can set.

use crate::{
    Inputs, LinkClass, MatchConfig, Switches, Thresholds, Weights,
    testing::{Builder, account, run_config},
};

fn config(change: impl Fn(&mut MatchConfig)) -> MatchConfig {
    let mut config = MatchConfig::default();
    change(&mut config);
    config
}

fn answer(accounts: impl IntoIterator<Item = Builder>, config: &MatchConfig) -> (bool, LinkClass) {
    let answer = run_config(accounts, &Inputs::default(), config);
    (answer.together(1, 2), answer.link(1).class)
}

#[test]
fn thresholds_decide_between_link_question_and_nothing() {
    let accounts = || [account(1).name("Mina Holt"), account(2).name("Mina Holt")];
    let with = |auto, conflict| answer(accounts(), &config(|config| config.thresholds = Thresholds { auto, conflict }));
    assert_eq!(with(0.9, 0.5), (true, LinkClass::Auto));
    assert_eq!(with(0.999, 0.5), (false, LinkClass::Conflict));
    assert_eq!(with(0.999, 0.995), (false, LinkClass::Auto));
}

#[test]
fn a_family_without_weight_does_not_link() {
    let accounts = || [account(1).name("Mina Holt"), account(2).name("Mina Holt")];
    assert!(!answer(accounts(), &config(|config| config.weights = Weights { name: 0.0, ..Weights::default() })).0);
    let by_login = || [account(1).source("git").email("snowrook@acme.test"), account(2).username("snowrook")];
    assert!(answer(by_login(), &MatchConfig::default()).0);
    assert!(!answer(by_login(), &config(|config| config.weights = Weights { account: 0.0, ..Weights::default() })).0);
}

#[test]
fn namesakes_can_be_trusted() {
    let accounts = || {
        [
            account(1).username("rook").name("Jan Berg").email("jan.berg@acme.test"),
            account(2).username("heron").name("Jan Berg").email("jberg@acme.test"),
        ]
    };
    assert_eq!(answer(accounts(), &MatchConfig::default()), (false, LinkClass::Conflict));
    let trusting = config(|config| config.switches = Switches { ask_about_namesakes: false, ..Switches::default() });
    assert!(answer(accounts(), &trusting).0);
}

#[test]
fn own_domains_make_namesakes_of_authors_too() {
    let accounts = || [account(1).name("Jan Berg").email("jan.berg@acme.test"), account(2).name("Jan Berg").email("jberg@acme.test")];
    assert!(answer(accounts(), &MatchConfig::default()).0);
    let own = config(|config| config.corporate_domains = vec!["acme.test".to_owned()]);
    assert_eq!(answer(accounts(), &own), (false, LinkClass::Conflict));
}

#[test]
fn short_forms_and_logins_made_of_names_can_be_switched_off() {
    let names = || [account(1).name("Robert Fjellheim"), account(2).name("Bob Fjellheim")];
    assert_eq!(answer(names(), &MatchConfig::default()).1, LinkClass::Conflict);
    assert_eq!(answer(names(), &config(|config| config.switches.nicknames = false)).1, LinkClass::Auto);
    let logins = || [account(1).name("Mina Holtgren"), account(2).username("mholtgren")];
    assert!(answer(logins(), &MatchConfig::default()).0);
    assert!(!answer(logins(), &config(|config| config.switches.logins_from_names = false)).0);
}

#[test]
fn service_accounts_can_be_left_to_the_source_or_told_by_more_words() {
    let accounts =
        || [account(1).username("acme-ci").email("pipe@acme.test"), account(2).source("git").name("Pipe Line").email("pipe@acme.test")];
    assert!(!answer(accounts(), &MatchConfig::default()).0);
    assert!(answer(accounts(), &config(|config| config.switches.detect_service_accounts = false)).0);
    let robots =
        || [account(1).username("acme-robot").email("pipe@acme.test"), account(2).source("git").name("Pipe Line").email("pipe@acme.test")];
    assert!(answer(robots(), &MatchConfig::default()).0);
    assert!(!answer(robots(), &config(|config| config.service_account_words = vec!["robot".to_owned()])).0);
}

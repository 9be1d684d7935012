//! Runs: in batches, again, interrupted, beside decisions, and only tried.

use ovia_activities::match_identities::{Matched, run_matching};
use ovia_domain::{IdentityId, PersonId, RunStatus};
use ovia_store::decisions::{AccountSeen, Decision, RemapTo};
use serde_json::{Value, json};

use crate::{company::Company, model::Status};

#[tokio::test]
async fn twice_writes_nothing_the_second_time_and_new_accounts_join() {
    let mut company = Company::new().await;
    let first = company.matched().await;
    assert_eq!(first["identities"], company.accounts.len());
    assert!(first["links_written"].as_u64().unwrap() >= company.accounts.len() as u64);
    let before = company.state().await;
    let second = company.matched().await;
    assert_eq!(
        (&second["links_written"], &second["people_written"], &second["identity_epoch"]),
        (&json!(0), &json!(0), &first["identity_epoch"])
    );
    assert_eq!(company.state().await, before);
    let known = before.links[&company.accounts[0]].person;
    let new = company.account(1, "late", "Adela Norgate", Some("adela@acme.test"), false).await;
    let third = company.matched().await;
    assert_eq!(third["people_changed"], 1, "{third}");
    let after = company.state().await;
    assert_eq!((after.links[&new].person, after.links[&new].status), (known, Status::Auto));
}

#[tokio::test]
async fn a_matcher_that_remembers_finds_what_a_new_one_finds() {
    let mut company = Company::new().await;
    company.matched().await;
    company.account(1, "late", "Cosima Varley", Some("cosima@acme.test"), false).await;
    company.matched().await;
    company.matchers = Default::default();
    assert_eq!(company.matched().await["links_written"], 0);
}

#[tokio::test]
async fn a_run_that_is_cancelled_writes_nothing_more() {
    let company = Company::new().await;
    let run = company.begin().await;
    company.store().run_cancel_request(company.org, run).await.unwrap();
    let matched = run_matching(company.store(), &company.matchers, company.org, run).await.unwrap();
    assert_eq!(matched, Matched::Stopped);
    assert!(company.state().await.links.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_and_runs_at_once_end_with_both() {
    for _ in 0..5 {
        let company = Company::new().await;
        company.matched().await;
        let account = company.accounts[0];
        let remap = Decision::Remap {
            account: AccountSeen { identity: IdentityId(account), expected_version: None },
            to: RemapTo::New { display_name: None },
        };
        // so that the run has something to write
        company.sql("update identities set display_name = 'Bertil Quaife', email = 'bertil@acme.test' where username like 'q%'").await;
        let by = company.by();
        let (run, other) = (company.begin().await, company.begin().await);
        let (decided, one, two) = tokio::join!(
            company.store().decide(company.org, &by, &remap),
            run_matching(company.store(), &company.matchers, company.org, run),
            run_matching(company.store(), &company.matchers, company.org, other),
        );
        assert!(matches!((one.unwrap(), two.unwrap()), (Matched::Done(_), Matched::Done(_))));
        let person = decided.unwrap().person.unwrap();
        for run in [run, other] {
            company.store().run_finish(company.org, run, RunStatus::Succeeded, None, None).await.unwrap();
        }
        company.matched().await;
        let state = company.state().await;
        assert_eq!((PersonId(state.links[&account].person), state.links[&account].status), (person, Status::Confirmed));
        assert_ne!(state.links[&account].person, state.links[&company.accounts[1]].person, "apart from those it left");
        assert_eq!(company.matched().await["links_written"], 0);
    }
}

#[tokio::test]
async fn a_configuration_is_tried_without_writing_and_then_put_in_force() {
    let company = Company::new().await;
    company.matched().await;
    let before = company.state().await;
    let strict = json!({"thresholds": {"auto": 0.9999, "conflict": 0.5}});
    let preview = async |config: &Value| -> Value {
        let run = company.new_run(json!({"preview": config}));
        let id = run.run_id;
        company.store().run_create(run).await.unwrap();
        company.store().run_begin(company.org, id, &[], &[]).await.unwrap();
        let asked = company.store().matching_preview_asked(company.org, id).await.unwrap().unwrap();
        let tried = ovia_activities::match_identities::preview(company.store(), company.org, id, &asked).await.unwrap();
        let Matched::Done(result) = tried else { panic!("{tried:?}") };
        result
    };
    let same = preview(&json!({})).await;
    assert_eq!((&same["moved"], &same["conflicts_now"]), (&json!(0), &same["conflicts_then"]), "{same}");
    let stricter = preview(&strict).await;
    assert_eq!(company.state().await, before, "nothing is written");
    let wrong = preview(&json!({"thresholds": {"auto": 7}})).await;
    assert!(!wrong["problems"].as_array().unwrap().is_empty(), "{wrong}");
    let unknown = preview(&json!({"thresholdz": {}})).await;
    assert!(unknown["problems"][0]["message"].as_str().unwrap().contains("thresholdz"), "{unknown}");
    company.store().matching_config_put(company.org, Some(0), &strict, &company.by()).await.unwrap();
    let run = company.matched().await;
    assert_eq!((&run["conflicts"], &run["people"]), (&stricter["conflicts_then"], &stricter["people_then"]), "as it was foretold");
    company
        .sql(&format!(
            "insert into matching_configs (org_id, version, config, created_by) values ('{}', 2, '{{\"x\": 1}}', 'token:ops')",
            company.org
        ))
        .await;
    let run = company.begin().await;
    let matched = run_matching(company.store(), &company.matchers, company.org, run).await.unwrap();
    assert!(matches!(matched, Matched::BadConfig(_)), "{matched:?}");
}

//! After a sync: who is who.

use ovia_demo::CompanySize;
use ovia_store::PageToken;
use ovia_tests::TestApp;
use reqwest::StatusCode;
use serde_json::json;

use crate::demo;

#[tokio::test]
async fn matching_follows_a_sync_and_links_what_is_certain() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize { people: 60, ..CompanySize::small() }).await;
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    let (matching, rollup) = app.follow_ups_end(run["id"].as_str().unwrap()).await;
    assert_eq!((&matching["status"], &rollup["status"]), (&json!("succeeded"), &json!("succeeded")), "{matching} {rollup}");

    let truth = demo.truth();
    let identities = app.http.get_all("/identities").await;
    // nobody, while a person has to decide
    let person_of = |external_id: &str| {
        let identity = identities.iter().find(|identity| identity["external_id"] == external_id);
        identity.unwrap_or_else(|| panic!("identity {external_id} is missing"))["link"]["person_id"].as_str().map(str::to_owned)
    };
    for duplicate in &truth.people.duplicates {
        let [one, other] = &duplicate.identities;
        let linked = person_of(one).is_some() && person_of(one) == person_of(other);
        // with nothing in common only their work can bring them together
        assert!(linked || duplicate.shares == "nothing", "{one} and {other} share {}", duplicate.shares);
    }
    for [one, other] in &truth.people.conflict_pairs {
        assert!(person_of(one).is_none() || person_of(one) != person_of(other), "two people with one name were merged");
    }
    // of the pairs that are linked each is right
    let human_of: std::collections::HashMap<&str, usize> = truth.people.humans.iter().enumerate().flat_map(|(index, human)| human.identities.iter().map(move |id| (id.as_str(), index))).collect();
    let mut linked: std::collections::HashMap<String, Vec<&str>> = std::collections::HashMap::new();
    for identity in &identities {
        if let Some(person) = identity["link"]["person_id"].as_str() {
            linked.entry(person.to_owned()).or_default().push(identity["external_id"].as_str().unwrap());
        }
    }
    let joined = linked.values().filter(|accounts| accounts.len() > 1);
    assert!(joined.clone().count() > 0);
    for accounts in joined {
        let humans: std::collections::HashSet<Option<&usize>> = accounts.iter().map(|account| human_of.get(account)).collect();
        assert_eq!(humans.len(), 1, "{accounts:?} are several people");
    }
    every_planted_conflict_is_asked_about(&app, &truth.people.conflict_pairs).await;
    for bot in &truth.people.bots {
        let person = person_of(bot);
        for human in &truth.people.humans {
            assert!(human.identities.iter().all(|identity| person_of(identity) != person), "bot {bot} was linked to a human");
        }
    }
    let people = app.http.get_all("/team/people").await;
    assert!(people.len() >= truth.people.humans.len(), "{} people", people.len());
}

#[tokio::test]
async fn matching_can_be_started_by_itself_and_a_second_run_changes_nothing() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    app.follow_ups_end(run["id"].as_str().unwrap()).await;
    let before = app.http.get_all("/team/people").await;

    let (status, run) = app.http.post("/runs", json!({"kind": "matching"})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    let run = app.run_end(run["id"].as_str().unwrap(), 60).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(run["result"]["links_written"], 0, "{run}");
    assert_eq!(app.http.get_all("/team/people").await, before);
}

/// One of each pair is in the queue and names the other.
async fn every_planted_conflict_is_asked_about(app: &TestApp, pairs: &[[String; 2]]) {
    assert!(!pairs.is_empty(), "the demo plants conflicts");
    let org = app.store.organisation_oldest().await.unwrap().unwrap();
    let queue = app.store.conflicts_list(org, None, &PageToken::new(Some(200), None)).await.unwrap().items;
    for [one, other] in pairs {
        let asks = |from: &str, about: &str| {
            let asked = queue.iter().filter(|conflict| conflict.account.external_id == from);
            asked.flat_map(|conflict| &conflict.candidates).any(|candidate| candidate.account.external_id == about)
        };
        assert!(asks(one, other) || asks(other, one), "nobody is asked whether {one} is {other}");
    }
}

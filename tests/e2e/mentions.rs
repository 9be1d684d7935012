//! Which merge requests and pages mention which work items: found while syncing, equal to the truth, shown from both ends.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use ovia_demo::CompanySize;
use ovia_tests::{TestApp, state};
use serde_json::Value;

use crate::{
    atlassian::{confluence, connect_confluence, connect_jira, jira, options, sync},
    demo,
};

/// Keys by `{table}:{id}:{place}`: those of a merge request's commits together.
type Found = BTreeMap<String, BTreeSet<String>>;

async fn stored(app: &TestApp) -> Found {
    let mut found = Found::new();
    for row in state::rows(&app.store, "references_found").await.into_values() {
        let text = |field: &str| row[field].as_str().unwrap().to_owned();
        let at = [text("from_table"), text("from_external_id"), text("place")].join(":");
        let keys = row["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned());
        found.entry(at).or_default().extend(keys);
    }
    found
}

#[tokio::test]
async fn merge_requests_and_pages_mention_work_items_and_both_ends_say_so() {
    let app = TestApp::start().await;
    let company = demo::company(CompanySize::small());
    let (gitlab, site, wiki) = (demo::server(CompanySize::small()).await, jira(options(Tz::UTC)), confluence(options(Tz::UTC)));
    // what mentions comes before what is mentioned
    let git = demo::connect(&app, &gitlab).await;
    sync(&app, &git).await;
    let truth: Found = company.references().iter().map(|(at, row)| (at.clone(), row.keys.iter().cloned().collect())).collect();
    assert_eq!(stored(&app).await, truth, "places without keys have no rows");
    let rows = state::positions(&app.store, "references_found").await;
    sync(&app, &git).await;
    assert_eq!(state::positions(&app.store, "references_found").await, rows, "a second sync writes nothing");
    let early = app.http.get_all("/merge-requests").await;
    let leads_somewhere = |row: &&Value| row["mentions"].as_array().unwrap().iter().any(|one| one["work_items"][0]["key"].is_string());
    assert_eq!(early.iter().filter(leads_somewhere).count(), 0, "no work item has come yet");

    let connection = connect_jira(&app, &site).await;
    sync(&app, &connection).await;
    let connection = connect_confluence(&app, &wiki).await;
    sync(&app, &connection).await;
    let late = app.http.get_all("/merge-requests").await;
    let by_id: BTreeMap<&str, &Value> = late.iter().map(|row| (row["external_id"].as_str().unwrap(), row)).collect();
    let mut checked = 0;
    for (at, row) in company.references() {
        for key in &row.keys {
            let forth = by_id[row.from_external_id.as_str()]["mentions"].as_array().unwrap();
            let one = forth.iter().find(|one| one["key"] == key.as_str()).unwrap_or_else(|| panic!("{at}: {forth:?}"));
            assert!(one["places"].as_array().unwrap().iter().any(|place| *place == row.place), "{at}: {one}");
            let item = one["work_items"][0]["key"].as_str().unwrap_or_else(|| panic!("{at}: {one}"));
            let back = app.http.get_all(&format!("/work-items/{item}/mentions")).await;
            let is_it = |one: &&Value| {
                one["place"] == row.place && one["key"] == key.as_str() && one["merge_request"]["external_id"] == row.from_external_id
            };
            let one = back.iter().find(is_it).unwrap_or_else(|| panic!("{at} {key}: {back:?}"));
            assert_eq!(one["commit"]["sha"].is_string(), row.place == "commit", "{one}");
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked}");
    let documents = app.http.get_all("/documents").await;
    let mentioned = documents.iter().filter(leads_somewhere).count();
    assert!(mentioned > 0, "pages mention work items too");
    let page = documents.iter().filter(|row| row["status"] == "current").find(leads_somewhere).unwrap();
    let mentions = page["mentions"].as_array().unwrap().iter();
    let key = mentions.filter_map(|one| one["work_items"][0]["key"].as_str()).next().unwrap();
    let back = app.http.get_all(&format!("/work-items/{key}/mentions")).await;
    assert!(back.iter().any(|one| one["document"]["external_id"] == page["external_id"]), "{key}: {back:?}");
}

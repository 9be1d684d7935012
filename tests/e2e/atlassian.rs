//! A Jira or Confluence stand-in beside an app, and what is stored of it compared with its truth.

use chrono_tz::Tz;
use ovia_demo::{CompanySize, ConfluenceServer, ConfluenceTruth, JiraServer, SiteOptions};
use ovia_store::Store;
use ovia_tests::{TestApp, state};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{demo, truth::assert_rows};

pub fn options(time_zone: Tz) -> SiteOptions {
    SiteOptions { time_zone, ..SiteOptions::default() }
}

pub fn jira(options: SiteOptions) -> JiraServer {
    JiraServer::start(&demo::company(CompanySize::small()), options).unwrap()
}

pub fn confluence(options: SiteOptions) -> ConfluenceServer {
    ConfluenceServer::start(&demo::company(CompanySize::small()), options).unwrap()
}

/// Sites of one app are told apart by their ports.
fn name(base_url: &str) -> String {
    base_url.trim_start_matches("http://").to_owned()
}

/// All live projects, in small pages.
pub async fn connect_jira(app: &TestApp, site: &JiraServer) -> String {
    connect_jira_keys(app, site, &site.project_keys()).await
}

pub async fn connect_jira_keys(app: &TestApp, site: &JiraServer, keys: &[String]) -> String {
    app.connect_to("jira", &name(site.base_url()), site.base_url(), site.credentials(), json!({"project_keys": keys, "page_size": 10}))
        .await
}

/// All spaces the token sees, personal and archived ones included, in small pages.
pub async fn connect_confluence(app: &TestApp, site: &ConfluenceServer) -> String {
    let settings = json!({"space_keys": site.space_keys(), "page_size": 10});
    app.connect_to("confluence", &name(site.base_url()), site.base_url(), site.credentials(), settings).await
}

/// Every table a sync of Jira fills is as the site is.
pub async fn assert_jira(store: &Store, site: &JiraServer) {
    assert_rows(store, &serde_json::to_value(site.truth()).unwrap(), &state::JIRA_TABLES).await;
}

pub async fn assert_confluence(store: &Store, truth: &ConfluenceTruth) {
    let tables: Vec<&str> = state::CONFLUENCE_TABLES.into_iter().filter(|table| *table != "references_found").collect();
    assert_rows(store, &serde_json::to_value(truth).unwrap(), &tables).await;
    // a place that had keys once keeps its row
    let mut found = state::rows(store, "references_found").await;
    found.retain(|_, row| row["keys"] != json!([]));
    let ids: Vec<&String> = found.keys().collect();
    assert_eq!(ids, truth.references.keys().collect::<Vec<_>>(), "references");
    for (id, want) in &truth.references {
        assert_eq!(found[id]["keys"], json!(want.keys), "references {id}");
    }
    let documents = state::rows(store, "documents").await;
    // one is longer than what is kept
    for (id, sentences) in truth.sentences.iter().filter(|(id, _)| documents[*id]["body_is_cut"] == false) {
        let text = documents[id]["body_text"].as_str().unwrap_or_default();
        for sentence in sentences {
            assert!(text.contains(sentence.as_str()), "document {id} lacks {sentence:?}: {text}");
        }
    }
}

pub async fn census(app: &TestApp, connection: &str) -> Value {
    let (status, run) = app.http.post(&format!("/connections/{connection}/census"), json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    let run = app.run_end(run["id"].as_str().unwrap(), 180).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    run
}

pub async fn sync(app: &TestApp, connection: &str) -> Value {
    let run = app.sync(connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(run["counts"]["dead_lettered"], 0, "{run}");
    run
}

/// Where the rows of these tables are stored: any write to one moves it.
pub async fn positions(app: &TestApp, tables: &[&'static str]) -> Vec<(&'static str, Vec<(String, String)>)> {
    let mut all = Vec::new();
    for &table in tables.iter().chain(&["raw_records"]) {
        all.push((table, state::positions(&app.store, table).await));
    }
    all
}

/// A sync that has nothing to do, and does nothing.
pub async fn sync_writes_nothing(app: &TestApp, connection: &str, tables: &[&'static str]) -> Value {
    let before = positions(app, tables).await;
    let run = sync(app, connection).await;
    let counts = &run["counts"];
    assert_eq!((&counts["inserted"], &counts["updated"], &counts["deleted"]), (&json!(0), &json!(0), &json!(0)), "{run}");
    for ((table, before), (_, after)) in before.iter().zip(positions(app, tables).await) {
        assert_eq!(*before, after, "{table} was written to");
    }
    run
}

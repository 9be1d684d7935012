//! Each way Jira can misbehave: the end state is the truth all the same, or the run says what to do.

use chrono_tz::Tz;
use ovia_demo::{FaultKind, FaultRule, Faults, LimitReason, When};
use ovia_tests::{TestApp, eventually, state};
use serde_json::{Value, json};

use crate::{
    atlassian::{assert_jira, connect_jira, jira, options, sync},
    demo::every,
};

async fn sync_under(rule: FaultRule) -> Value {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    site.set_faults(Faults { seed: 11, rules: vec![rule] });
    let connection = connect_jira(&app, &site).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert!(site.stats().faults > 0, "the fault was never served");
    assert_jira(&app.store, &site).await;
    run
}

fn limit(reason: LimitReason, retry_after: Option<u64>, reset_after: Option<u64>) -> FaultKind {
    FaultKind::AtlassianLimit { reason, retry_after, reset_after }
}

#[tokio::test]
async fn limits_of_every_kind() {
    sync_under(every(9, limit(LimitReason::Burst, Some(1), Some(1))).times(2)).await;
    sync_under(every(9, limit(LimitReason::QuotaTenant, Some(1), Some(1))).times(2)).await;
    // seen in no document, and from the gateway without Retry-After
    sync_under(every(9, limit(LimitReason::Cost, Some(1), None)).times(2)).await;
    sync_under(every(9, limit(LimitReason::Gateway, None, Some(2))).times(2)).await;
}

#[tokio::test]
async fn server_errors_and_dropped_connections() {
    sync_under(every(7, FaultKind::Status(503))).await;
    sync_under(every(9, FaultKind::Drop)).await;
}

#[tokio::test]
async fn truncated_bodies_and_login_pages() {
    sync_under(every(9, FaultKind::Truncate(60))).await;
    sync_under(every(9, FaultKind::Html)).await;
}

/// A token of a search that is not known any more: the search goes on by time.
#[tokio::test]
async fn expired_tokens() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    site.set_faults(every(1, FaultKind::Slow(20)).into());
    let connection = connect_jira(&app, &site).await;
    let run = app.sync_start(&connection).await;
    for rows in [5, 25, 45] {
        let stored = "select count(*) from work_items";
        eventually("rows", 60, || async { (state::count(&app.store, stored).await >= rows).then_some(()) }).await;
        site.edit(|jira| jira.expire_page_tokens());
    }
    site.set_faults(Faults::default());
    let run = app.run_end(&run, 120).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_jira(&app.store, &site).await;
}

#[tokio::test]
async fn repeated_tokens_and_empty_pages() {
    sync_under(every(2, FaultKind::RepeatToken).route("/search/jql").times(2)).await;
    sync_under(every(2, FaultKind::EmptyPage).route("/search/jql").times(2)).await;
}

#[tokio::test]
async fn a_refused_token_fails_the_run_and_says_reconnect() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    let rule = FaultRule::always(FaultKind::Unauthorized).when(When::Between { first: 20, last: None });
    site.set_faults(rule.into());
    let connection = connect_jira(&app, &site).await;
    let run = app.sync(&connection).await;
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("UNAUTHENTICATED")), "{run}");
    assert!(run["error"]["hint"].as_str().unwrap().contains("Reconnect"), "{run}");
    assert!(!run.to_string().contains(site.api_token()), "the token leaked: {run}");
    site.set_faults(Faults::default());
    sync(&app, &connection).await;
    assert_jira(&app.store, &site).await;
}

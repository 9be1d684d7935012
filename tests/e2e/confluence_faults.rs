//! Each way Confluence can misbehave: the end state is the truth all the same, or the run says what to do.

use chrono_tz::Tz;
use ovia_demo::{FaultKind, FaultRule, Faults, LimitReason, When};
use ovia_tests::{TestApp, eventually, state};
use serde_json::{Value, json};

use crate::{
    atlassian::{assert_confluence, confluence, connect_confluence, options, sync},
    demo::every,
};

async fn sync_under(rule: FaultRule) -> Value {
    let app = TestApp::start().await;
    let site = confluence(options(Tz::UTC));
    site.set_faults(Faults { seed: 11, rules: vec![rule] });
    let connection = connect_confluence(&app, &site).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert!(site.stats().faults > 0, "the fault was never served");
    assert_confluence(&app.store, &site.truth()).await;
    run
}

fn limit(reason: LimitReason, retry_after: Option<u64>, reset_after: Option<u64>) -> FaultKind {
    FaultKind::AtlassianLimit { reason, retry_after, reset_after }
}

#[tokio::test]
async fn limits_of_every_kind() {
    sync_under(every(9, limit(LimitReason::Burst, Some(1), None)).times(2)).await;
    sync_under(every(9, limit(LimitReason::QuotaTenant, Some(1), None)).times(2)).await;
    // seen in no document
    sync_under(every(9, limit(LimitReason::Cost, Some(1), None)).times(2)).await;
    // from the gateway, without Retry-After: Confluence tells the reset to the minute
    sync_under(every(9, limit(LimitReason::Gateway, None, Some(1))).times(1)).await;
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

/// A cursor that is not known any more: the list is read from its start.
#[tokio::test]
async fn expired_cursors() {
    let app = TestApp::start().await;
    let site = confluence(options(Tz::UTC));
    site.set_faults(every(1, FaultKind::Slow(20)).into());
    let connection = connect_confluence(&app, &site).await;
    let run = app.sync_start(&connection).await;
    for rows in [5, 25, 45] {
        let stored = "select count(*) from documents";
        eventually("rows", 60, || async { (state::count(&app.store, stored).await >= rows).then_some(()) }).await;
        site.edit(|wiki| wiki.expire_cursors());
    }
    site.set_faults(Faults::default());
    let run = app.run_end(&run, 120).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_confluence(&app.store, &site.truth()).await;
}

#[tokio::test]
async fn repeated_cursors_and_empty_pages() {
    sync_under(every(2, FaultKind::RepeatToken).route("/pages").times(2)).await;
    sync_under(every(2, FaultKind::EmptyPage).route("/pages").times(2)).await;
}

#[tokio::test]
async fn a_refused_token_fails_the_run_and_says_reconnect() {
    let app = TestApp::start().await;
    let site = confluence(options(Tz::UTC));
    let rule = FaultRule::always(FaultKind::Unauthorized).when(When::Between { first: 20, last: None });
    site.set_faults(rule.into());
    let connection = connect_confluence(&app, &site).await;
    let run = app.sync(&connection).await;
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("UNAUTHENTICATED")), "{run}");
    assert!(run["error"]["hint"].as_str().unwrap().contains("Reconnect"), "{run}");
    assert!(!run.to_string().contains(site.api_token()), "the token leaked: {run}");
    site.set_faults(Faults::default());
    sync(&app, &connection).await;
    assert_confluence(&app.store, &site.truth()).await;
}

//! Webhooks of a source that fails: what cannot be read waits for itself, and what can be read does not wait.

use chrono::Duration as TimeDelta;
use ovia_demo::{DemoServer, FaultKind, FaultRule, Faults};
use ovia_domain::{ConnectionId, ItemRef};
use ovia_store::webhook_deliveries::NewDelivery;
use ovia_tests::{TestApp, eventually, state};

use crate::{
    demo,
    replay::check_workflow,
    webhooks::{deliver_gitlab, merge_request_event, settled, synced_gitlab},
};

/// A merge request as a delivery names it.
fn named(demo: &DemoServer, id: &str) -> ItemRef {
    let row = &demo.truth().merge_requests[id];
    ItemRef {
        stream: "merge_requests".into(),
        partition: Some(row.project_external_id.clone()),
        external_id: id.into(),
        number: Some(row.number),
    }
}

/// Keeps deliveries that nobody is told of: the next one that comes in has them pulled with it.
async fn keep(app: &TestApp, connection: &str, items: impl IntoIterator<Item = ItemRef>) {
    for (n, item) in items.into_iter().enumerate() {
        let delivery = NewDelivery {
            org_id: app.org,
            connection_id: connection.parse::<ConnectionId>().unwrap(),
            delivery_id: format!("kept {n}"),
            kind: "merge_request".into(),
            item: Some(item),
            event_at: None,
        };
        assert!(app.store.delivery_insert(&delivery).await.unwrap());
    }
}

/// The comments of one merge request cannot be read.
fn notes_fail(demo: &DemoServer, id: &str) -> FaultRule {
    let row = &demo.truth().merge_requests[id];
    let path = format!("/projects/{}/merge_requests/{}/notes", row.project_external_id, row.number);
    FaultRule::always(FaultKind::Status(500)).path(path)
}

#[tokio::test]
async fn an_item_that_keeps_failing_holds_up_no_other() {
    let app = TestApp::start().await;
    let (demo, connection) = synced_gitlab(&app).await;
    let ids = demo.edit_merge_requests(2, demo::as_of() + TimeDelta::hours(1));
    demo.set_faults(notes_fail(&demo, &ids[0]).into());
    deliver_gitlab(&app, &connection, "stuck", &merge_request_event(&demo, &ids[0])).await;
    // until it is left alone for seconds
    let tried = "select count(*) from webhook_deliveries where delivery_id = 'stuck' and attempts = 4 and state = 'pending'";
    eventually("the fourth try", 60, async || (state::count(&app.store, tried).await > 0).then_some(())).await;
    deliver_gitlab(&app, &connection, "fine", &merge_request_event(&demo, &ids[1])).await;
    assert_eq!(settled(&app, "fine").await, ("done".into(), None));
    assert_eq!(state::count(&app.store, tried).await, 1, "it was pulled with the other, or waited for it");
    demo.set_faults(Faults::default());
    assert_eq!(settled(&app, "stuck").await, ("done".into(), None));
    check_workflow(&app, &format!("webhooks/{connection}"), &["webhooks-retrying"]).await;
}

#[tokio::test]
async fn a_detail_that_fails_costs_no_other_item_a_second_reading() {
    let app = TestApp::start().await;
    let (demo, connection) = synced_gitlab(&app).await;
    let ids = demo.edit_merge_requests(6, demo::as_of() + TimeDelta::hours(1));
    // as often as one pull tries
    demo.set_faults(notes_fail(&demo, &ids[3]).times(5).into());
    let items: Vec<ItemRef> = ids.iter().map(|id| named(&demo, id)).collect();
    let mut projects: Vec<&Option<String>> = items.iter().map(|item| &item.partition).collect();
    projects.sort_unstable();
    projects.dedup();
    keep(&app, &connection, items[..5].iter().cloned()).await;
    let asked = || demo.stats().by_route.get("/projects/:id/merge_requests").copied().unwrap_or_default();
    let before = asked();
    deliver_gitlab(&app, &connection, "last", &merge_request_event(&demo, &ids[5])).await;
    for n in 0..5 {
        assert_eq!(settled(&app, &format!("kept {n}")).await, ("done".into(), None));
    }
    assert_eq!(settled(&app, "last").await, ("done".into(), None));
    assert_eq!(asked() - before, projects.len() as u64 + 1, "all together, then the one that failed");
}

#[tokio::test]
async fn a_revoked_token_is_not_tried_item_by_item() {
    let app = TestApp::start().await;
    let (demo, connection) = synced_gitlab(&app).await;
    let id = demo.edit_merge_requests(1, demo::as_of() + TimeDelta::hours(1)).remove(0);
    let item = named(&demo, &id);
    keep(&app, &connection, (0..300).map(|n| ItemRef { external_id: format!("9{n}"), ..item.clone() })).await;
    demo.set_faults(FaultRule::always(FaultKind::Unauthorized).into());
    let before = demo.stats().requests;
    deliver_gitlab(&app, &connection, "revoked", &merge_request_event(&demo, &id)).await;
    let (ended, note) = settled(&app, "revoked").await;
    assert!(ended == "failed" && note.as_deref().unwrap().contains("401"), "{ended}: {note:?}");
    let pending = "select count(*) from webhook_deliveries where state = 'pending'";
    eventually("all to fail", 60, async || (state::count(&app.store, pending).await == 0).then_some(())).await;
    assert_eq!(demo.stats().requests - before, 1, "of 301 deliveries");
    // with a token that is good again, the next one is pulled
    demo.set_faults(Faults::default());
    deliver_gitlab(&app, &connection, "replaced", &merge_request_event(&demo, &id)).await;
    assert_eq!(settled(&app, "replaced").await, ("done".into(), None));
}

//! What makes a risk one: settings, connections that are gone, accounts whose person changes.

use ovia_domain::risk::{RiskKind, RiskSettings};
use ovia_store::risks::RisksApplied;
use serde_json::{Value, json};

use crate::{
    common::{Method, TestApi},
    lists::{Seed, seed},
    risks::{as_of, detect, of_kind, pipelines, review_requests, settings},
};

/// An item in progress since `created`, planned for the release of a day.
async fn planned_item(api: &TestApi, seed: &Seed, created: &str, release_on: &str) {
    let (org, c) = (api.org, &seed.connection);
    api.db
        .sql(&format!(
            "insert into work_items (org_id, connection_id, external_id, key, project_external_id, title, kind, type_name, status, status_category,
                labels, components, fix_version_external_ids, sprint_external_ids, created_at)
                values ('{org}', '{c}', '1', 'WEB-1', '10', 'Item', 'task', 'Task', 'Doing', 'in_progress', '{{}}', '{{}}', '{{}}', '{{}}', '{created}');
            insert into versions (org_id, connection_id, external_id, project_external_id, name, released, archived, release_on)
                values ('{org}', '{c}', '1', '10', '1.0', false, false, '{release_on}');
            insert into release_memberships (org_id, connection_id, work_item_external_id, version_external_id, rule, candidates, expected, unambiguous)
                values ('{org}', '{c}', '1', '1', 'fix_version', '{{1}}', true, true)"
        ))
        .await;
}

#[tokio::test]
async fn a_default_branch_stays_red_while_nothing_runs() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    api.db.sql("update projects set default_branch = 'main'; delete from pipelines").await;
    pipelines(&api, &seed, "success", 10, 0).await;
    pipelines(&api, &seed, "failed", 12, 3).await;
    detect(&api).await;
    let risk = of_kind(&api, "failing_pipelines").await.remove(0);
    api.db.sql("update pipelines set finished_at = finished_at - interval '90 days', created_at = '2025-10-01Z'").await;
    assert_eq!(detect(&api).await.resolved, 0);
    let still = of_kind(&api, "failing_pipelines").await.remove(0);
    assert_eq!(
        (&still["id"], &still["evidence"]["failures_in_a_row"], &still["evidence"]["finished"]),
        (&risk["id"], &json!(3), &json!(0))
    );
    // how often they succeed is asked of what ran in those days only
    api.db.sql("update pipelines set status = 'success' where external_id = 'p5'").await;
    assert_eq!(detect(&api).await.resolved, 1);
}

#[tokio::test]
async fn what_a_removed_connection_left_needs_no_attention() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    let (org, c) = (api.org, &seed.connection);
    api.db.sql("update projects set default_branch = 'main'; delete from pipelines").await;
    pipelines(&api, &seed, "failed", 12, 3).await;
    review_requests(&api, &seed, &["1"; 5]).await;
    planned_item(&api, &seed, "2025-06-01Z", "2026-01-21").await;
    api.db
        .sql(&format!(
            "insert into deployments (org_id, connection_id, external_id, project_external_id, status, environment_tier, created_at, finished_at)
                values ('{org}', '{c}', 'd1', '11', 'success', 'production', '2025-10-01Z', '2025-10-01Z')"
        ))
        .await;
    detect(&api).await;
    for kind in RiskKind::ALL {
        assert_eq!(of_kind(&api, kind.as_str()).await.len(), 1, "{kind}");
    }
    api.db.sql("update connections set deleted_at = now()").await;
    let listed = api.get("/team/kpi/risks").await.items();
    let kinds: Vec<_> = listed.iter().map(|risk| risk["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["review_load"], "at once, but for what is of no one connection");
    assert_eq!(detect(&api).await, RisksApplied { found: 0, opened: 0, reopened: 0, resolved: 6 });
    assert!(api.get("/team/kpi/risks").await.items().is_empty());
}

#[tokio::test]
async fn risks_follow_what_the_organisation_has_set() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    let (org, c) = (api.org, &seed.connection);
    planned_item(&api, &seed, "2025-12-31Z", "2026-01-20").await;
    api.db
        .sql(&format!(
            "insert into kpi_snapshots (org_id, metric, definition_version, scope_kind, window_kind, window_start, window_end, value, unit,
                row_table, row_ids, row_values, identity_epoch, run_id)
                select '{org}', 'release_risk', 1, 'organisation', 'trailing_30_days', now() - interval '30 days', now(), 62.5, 'score', 'versions',
                    array[id], array[62.5], 0, gen_random_uuid() from versions;
            insert into deployments (org_id, connection_id, external_id, project_external_id, status, environment_tier, created_at, finished_at)
                values ('{org}', '{c}', 'd1', '11', 'success', 'staging', '2025-10-01Z', '2025-10-01Z')"
        ))
        .await;
    let found = async |settings: RiskSettings| {
        let found = api.db.store.risks_detect(api.org, as_of(), &settings).await.unwrap();
        found.into_iter().map(|risk| (risk.kind, risk.severity, risk.evidence)).collect::<Vec<_>>()
    };
    let kinds =
        |found: &[(&'static str, &'static str, Value)]| found.iter().map(|(kind, severity, _)| (*kind, *severity)).collect::<Vec<_>>();
    let shipped = found(settings()).await;
    assert_eq!(kinds(&shipped), [("stale_merge_request", "medium"), ("ageing_work_item", "low"), ("release_at_risk", "high")]);
    assert_eq!((&shipped[2].2["days_left"], &shipped[2].2["release_risk"]), (&json!(0), &json!(62.5)));
    let patient = found(RiskSettings { stale_after_days: 17, ageing_after_days: 21, ..settings() }).await;
    assert_eq!(kinds(&patient), [("stale_merge_request", "low"), ("release_at_risk", "high")]);
    assert_eq!(patient[0].2["threshold_days"], 17);
    let elsewhere = found(RiskSettings { production_tiers: vec!["production".into(), "staging".into()], ..settings() }).await;
    assert!(kinds(&elsewhere).contains(&("no_production_deployment", "medium")), "{elsewhere:?}");
    // where it is tomorrow already, the release is overdue
    let tomorrow = found(RiskSettings { today: as_of().date_naive() + chrono::Days::new(1), ..settings() }).await;
    assert_eq!(tomorrow[2].2["days_left"], -1);
}

#[tokio::test]
async fn review_load_keeps_its_mute_when_its_account_gets_a_person() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    let link = |status: &str| {
        format!(
            "update person_identity_links set status = '{status}' where identity_id in (select id from identities where external_id = '1')"
        )
    };
    api.db.sql(&link("conflict")).await;
    review_requests(&api, &seed, &["1"; 5]).await;
    detect(&api).await;
    let account = of_kind(&api, "review_load").await.remove(0);
    assert_eq!(account["table"], "identities");
    api.send(Method::POST, &format!("/team/kpi/risks/{}/mute", account["id"]), &json!({"reason": "on leave"})).await.json();
    // the conflict is decided, and comes back
    for (status, table) in [("confirmed", "people"), ("conflict", "identities")] {
        api.db.sql(&link(status)).await;
        assert_eq!(detect(&api).await, RisksApplied { found: 2, opened: 0, reopened: 0, resolved: 0 }, "{status}");
        let now = api.get("/team/kpi/risks?kind=review_load&status=muted").await.items().remove(0);
        assert_eq!(
            (&now["id"], &now["table"], &now["first_seen_at"], &now["mute_reason"]),
            (&account["id"], &json!(table), &account["first_seen_at"], &json!("on leave"))
        );
    }
}

//! One organisation never sees or touches anything of another: one test per resource.

use serde_json::json;

use crate::{
    common::{Method, TestApi, connection_body},
    lists::seed,
};

#[tokio::test]
async fn connections() {
    let api = TestApi::start().await;
    let id = api.connection("acme").await;
    let path = format!("/connections/{id}");
    assert!(api.as_other(Method::GET, "/connections", None).await.items().is_empty());
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/test")),
        (Method::POST, format!("{path}/sync")),
    ] {
        api.as_other(method, &path, None).await.problem(404, "NOT_FOUND");
    }
    api.as_other(Method::PATCH, &path, Some(&json!({"name": "mine now", "credentials": {"token": "x"}}))).await.problem(404, "NOT_FOUND");
    assert_eq!(api.get(&path).await.json()["name"], "acme");
    assert_eq!(api.as_other(Method::GET, "/connectors", None).await.items()[0]["connections"], 0);
}

#[tokio::test]
async fn runs_and_their_events() {
    let api = TestApi::start().await;
    let run = api.send(Method::POST, "/runs", &json!({"kind": "matching"})).await.json()["id"].as_str().unwrap().to_owned();
    assert!(api.as_other(Method::GET, "/runs", None).await.items().is_empty());
    api.as_other(Method::GET, &format!("/runs/{run}"), None).await.problem(404, "NOT_FOUND");
    api.as_other(Method::GET, &format!("/runs/{run}/events"), None).await.problem(404, "NOT_FOUND");
    api.as_other(Method::POST, &format!("/runs/{run}/cancel"), None).await.problem(404, "NOT_FOUND");
    assert_eq!(api.get(&format!("/runs/{run}")).await.json()["status"], "queued");
    api.run_ends(&run, "failed").await;
    api.as_other(Method::POST, &format!("/runs/{run}/retry"), None).await.problem(404, "NOT_FOUND");
    assert_eq!(api.get("/runs").await.items().len(), 1);
}

#[tokio::test]
async fn everything_synced() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    for path in ["/team/people", "/identities", "/merge-requests", "/pipelines", "/deployments"] {
        assert!(!api.get(path).await.items().is_empty(), "{path}");
        assert!(api.as_other(Method::GET, path, None).await.items().is_empty(), "{path}");
    }
    for path in [
        format!("/merge-requests?connection={}", seed.connection),
        format!("/merge-requests?author_person={}", seed.ada),
        format!("/identities?person={}", seed.ada),
    ] {
        assert!(api.as_other(Method::GET, &path, None).await.items().is_empty(), "{path}");
    }
    // the same external ids in two organisations do not mix
    assert_eq!(api.as_other(Method::POST, "/connections", Some(&connection_body("acme"))).await.status, 201);
    assert_eq!(api.get("/merge-requests").await.items().len(), 7);
}

#[tokio::test]
async fn kpis() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    for (scope_kind, scope) in [("organisation", String::new()), ("project", format!("{}:10", seed.connection))] {
        api.db
            .sql(&format!(
                "insert into kpi_snapshots (org_id, metric, definition_version, scope_kind, scope_id, window_kind, window_start, window_end, value,
                    unit, row_table, row_ids, identity_epoch, run_id)
                select '{}', 'stale_merge_requests', 1, '{scope_kind}', '{scope}', 'trailing_30_days', '2026-01-01Z', '2026-01-31Z', 1, 'count', 'merge_requests',
                    array_agg(id), 0, gen_random_uuid() from merge_requests",
                api.org
            ))
            .await;
    }
    let found = api.db.store.risks_detect(api.org, chrono::Utc::now(), &crate::risks::settings()).await.unwrap();
    api.db.store.risks_apply(api.org, ovia_domain::RunId::generate(), &found).await.unwrap();
    assert!(api.db.store.risks_detect(api.other_org, chrono::Utc::now(), &crate::risks::settings()).await.unwrap().is_empty());
    for path in ["/team/kpi", "/team/kpi?scope=project", "/team/kpi/history?window=trailing_30_days", "/team/kpi/risks"] {
        assert!(!api.get(path).await.items().is_empty(), "{path}");
        let others = api.as_other(Method::GET, path, None).await.items();
        assert!(others.iter().all(|item| item["value"].is_null()), "{path}: {others:?}");
    }
    // a snapshot whose row ids were another organisation's would not open them
    api.db.sql(&format!("update kpi_snapshots set org_id = '{}'", api.other_org)).await;
    let others = api.as_other(Method::GET, "/team/kpi?metric=stale_merge_requests", None).await.items();
    let id = others[0]["id"].clone();
    assert!(id.is_i64(), "{others:?}");
    assert!(api.as_other(Method::GET, &format!("/merge-requests?kpi_snapshot_id={id}"), None).await.items().is_empty());
    let rows = api.as_other(Method::GET, &format!("/team/kpi/stale_merge_requests/rows?kpi_snapshot_id={id}"), None).await.json();
    let items = rows["items"].as_array().unwrap();
    assert!(items.iter().all(|row| row["title"].is_null() && row["url"].is_null()), "{rows}");
}

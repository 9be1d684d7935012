use ovia_workflows::EngineError;
use serde_json::{Value, json};

use crate::common::{Method, MockTemporal, TestApi, willing_engine};

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_sync_is_accepted_and_shown() {
    let mut engine = MockTemporal::new();
    engine
        .expect_run_start()
        .times(1)
        .withf(|start| start.summary == "Sync of acme (gitlab), asked for by token:first")
        .returning(|_| Ok(()));
    let api = TestApi::with_engine(engine).await;
    let connection = api.connection("acme").await;
    let accepted = api.post(&format!("/connections/{connection}/sync")).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    let run = accepted.json();
    assert_eq!((&run["kind"], &run["status"], &run["source"]), (&json!("sync"), &json!("queued"), &json!("gitlab")));
    assert_eq!((&run["connection_name"], &run["requested_by"]), (&json!("acme"), &json!("token:first")));
    let workflow_id = format!("sync/{connection}/{}", id(&run));
    assert_eq!(run["workflow_id"], workflow_id.as_str());
    assert_eq!(run["temporal_ui_url"], format!("http://ui.example:8233/namespaces/default/workflows/{}", workflow_id.replace('/', "%2F")));
    assert_eq!(run["counts"]["fetched"], 0);
    assert_eq!(api.get(&format!("/runs/{}", id(&run))).await.json(), run);
}

#[tokio::test]
async fn progress_and_errors_are_shown() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let run = id(&api.post(&format!("/connections/{connection}/sync")).await.json());
    api.db.store.run_begin(api.org, run.parse().unwrap(), &["projects", "issues", "jobs"], &[]).await.unwrap();
    api.db
        .sql(&format!(
            "update run_streams set status = 'done', fetched = 12, inserted = 10, unchanged = 2, requests = 3 where run_id = '{run}' and stream = 'projects';
            update run_streams set status = 'running', fetched = 50, updated = 50, requests = 1, flagged = 3, total_hint = 200 where run_id = '{run}' and stream = 'issues';
            update runs set status = 'waiting', waiting_until = '2026-02-03T04:05:06Z',
                error = '{{\"code\":\"RATE_LIMITED\",\"message\":\"m\",\"hint\":\"h\",\"request\":\"GET /x\"}}' where id = '{run}'"
        ))
        .await;
    let shown = api.get(&format!("/runs/{run}")).await.json();
    assert_eq!((&shown["status"], &shown["waiting_until"]), (&json!("waiting"), &json!("2026-02-03T04:05:06Z")));
    assert_eq!(
        shown["counts"],
        json!({"fetched": 62, "inserted": 10, "updated": 50, "unchanged": 2, "deleted": 0, "dead_lettered": 0, "requests": 4, "flagged": 3})
    );
    let progress: Vec<_> =
        shown["progress"].as_array().unwrap().iter().map(|stream| (stream["stream"].clone(), stream["percent"].clone())).collect();
    assert_eq!(progress, [(json!("projects"), json!(100)), (json!("issues"), json!(25)), (json!("jobs"), json!(0))]);
    assert_eq!(shown["error"], json!({"code": "RATE_LIMITED", "message": "m", "hint": "h", "request": "GET /x"}));
    assert_eq!(api.get("/runs").await.items(), [shown]);
}

#[tokio::test]
async fn one_sync_of_a_connection_at_a_time() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let path = format!("/connections/{connection}/sync");
    let answers = futures::future::join_all((0..5).map(|_| api.post(&path))).await;
    let accepted: Vec<_> = answers.iter().filter(|answer| answer.status == 202).collect();
    assert_eq!(accepted.len(), 1);
    let run = id(&accepted[0].json());
    for refused in answers.iter().filter(|answer| answer.status != 202) {
        let problem = refused.problem(409, "CONFLICT");
        assert_eq!(problem["run_id"], run.as_str());
        assert!(problem["detail"].as_str().unwrap().contains(&run));
    }
    let other = api.connection("other").await;
    assert_eq!(api.post(&format!("/connections/{other}/sync")).await.status, 202);
    api.run_ends(&run, "failed").await;
    assert_eq!(api.post(&path).await.status, 202);
}

#[tokio::test]
async fn matching_and_rollups_one_of_a_kind_at_a_time() {
    let api = TestApi::start().await;
    for kind in ["matching", "kpi_rollup"] {
        let answers =
            futures::future::join_all((0..5).map(|_| async { api.send(Method::POST, "/runs", &json!({ "kind": kind })).await })).await;
        let accepted: Vec<_> = answers.iter().filter(|answer| answer.status == 202).collect();
        assert_eq!(accepted.len(), 1, "{kind}");
        let run = accepted[0].json();
        assert_eq!((&run["kind"], &run["connection_id"]), (&json!(kind), &Value::Null));
        for refused in answers.iter().filter(|answer| answer.status != 202) {
            assert_eq!(refused.problem(409, "CONFLICT")["run_id"], run["id"]);
        }
        assert_eq!(api.as_other(Method::POST, "/runs", Some(&json!({ "kind": kind }))).await.status, 202);
        api.run_ends(&id(&run), "succeeded").await;
        assert_eq!(api.send(Method::POST, "/runs", &json!({ "kind": kind })).await.status, 202);
    }
    for (body, field) in [
        (json!({"kind": "sync"}), "kind"),
        (json!({"kind": "backfill"}), "kind"),
        (json!({"kind": "dance"}), "kind"),
        (json!({}), "kind"),
        (json!({"kind": "matching", "x": 1}), "x"),
    ] {
        api.send(Method::POST, "/runs", &body).await.names_field(field);
    }
}

#[tokio::test]
async fn a_rollup_of_an_earlier_moment_and_its_retry_keep_it() {
    let api = TestApi::start().await;
    let run = api.send(Method::POST, "/runs", &json!({"kind": "kpi_rollup", "as_of": "2026-01-31T09:00:00+02:00"})).await.json();
    assert_eq!(run["params"], json!({"as_of": "2026-01-31T07:00:00Z"}));
    api.run_ends(&id(&run), "failed").await;
    let retried = api.post(&format!("/runs/{}/retry", id(&run))).await.json();
    assert_eq!((&retried["params"], &retried["retry_of"]), (&run["params"], &run["id"]));
    for bad in [json!("soon"), json!(7), json!("99999-01-01")] {
        api.send(Method::POST, "/runs", &json!({"kind": "kpi_rollup", "as_of": bad})).await.names_field("as_of");
    }
    api.send(Method::POST, "/runs", &json!({"kind": "matching", "as_of": "2026-01-31"})).await.names_field("as_of");
}

#[tokio::test]
async fn a_run_that_temporal_did_not_take_is_failed() {
    let mut engine = MockTemporal::new();
    engine.expect_run_start().returning(|_| Err(EngineError::Unavailable("connection refused to 10.1.2.3".into())));
    let api = TestApi::with_engine(engine).await;
    let connection = api.connection("acme").await;
    for _ in 0..2 {
        let refused = api.post(&format!("/connections/{connection}/sync")).await;
        let problem = refused.problem(503, "UPSTREAM_UNREACHABLE");
        assert!(!refused.text.contains("10.1.2.3"));
        let run = api.get(&format!("/runs/{}", problem["run_id"].as_str().unwrap())).await.json();
        assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("UPSTREAM_UNREACHABLE")));
    }
    api.send(Method::POST, "/runs", &json!({"kind": "matching"})).await.problem(503, "UPSTREAM_UNREACHABLE");
}

#[tokio::test]
async fn cancelling() {
    let mut engine = MockTemporal::new();
    engine.expect_run_start().times(1).returning(|_| Ok(()));
    engine.expect_run_cancel().times(2).withf(|_, reason| reason == "asked for by token:first").returning(|_, _| Ok(()));
    let api = TestApi::with_engine(engine).await;
    let connection = api.connection("acme").await;
    let run = id(&api.post(&format!("/connections/{connection}/sync")).await.json());
    for _ in 0..2 {
        let accepted = api.post(&format!("/runs/{run}/cancel")).await;
        assert_eq!((accepted.status.as_u16(), &accepted.json()["status"]), (202, &json!("cancelling")));
    }
    api.post(&format!("/runs/{run}/retry")).await.problem(409, "CONFLICT");
    api.run_ends(&run, "cancelled").await;
    let refused = api.post(&format!("/runs/{run}/cancel")).await.problem(409, "CONFLICT");
    assert!(refused["detail"].as_str().unwrap().contains("cancelled"));
}

#[tokio::test]
async fn cancelling_a_run_whose_workflow_never_started_starts_it_so_that_it_can_end() {
    let mut engine = MockTemporal::new();
    engine.expect_run_start().times(2).returning(|_| Ok(()));
    engine.expect_run_cancel().returning(|id, _| Err(EngineError::NotRunning(id.into())));
    engine.expect_run_has_ended().returning(|_| Ok(false));
    let api = TestApi::with_engine(engine).await;
    let run = id(&api.send(Method::POST, "/runs", &json!({"kind": "matching"})).await.json());
    assert_eq!(api.post(&format!("/runs/{run}/cancel")).await.json()["status"], "cancelling");
}

#[tokio::test]
async fn a_cancel_stands_while_temporal_is_away() {
    let mut engine = MockTemporal::new();
    engine.expect_run_start().returning(|_| Ok(()));
    engine.expect_run_cancel().returning(|_, _| Err(EngineError::Unavailable("away".into())));
    let api = TestApi::with_engine(engine).await;
    let run = id(&api.send(Method::POST, "/runs", &json!({"kind": "matching"})).await.json());
    assert_eq!(api.post(&format!("/runs/{run}/cancel")).await.json()["status"], "cancelling");
}

#[tokio::test]
async fn retrying_makes_a_new_run() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let sync = id(&api.post(&format!("/connections/{connection}/sync")).await.json());
    let matching = id(&api.send(Method::POST, "/runs", &json!({"kind": "matching"})).await.json());
    for run in [&sync, &matching] {
        let refused = api.post(&format!("/runs/{run}/retry")).await.problem(409, "CONFLICT");
        assert_eq!(refused["run_id"], run.as_str());
        api.run_ends(run, "failed").await;
        let retried = api.post(&format!("/runs/{run}/retry")).await;
        assert_eq!(retried.status, 202, "{}", retried.text);
        let retried = retried.json();
        assert_eq!(retried["retry_of"], run.as_str());
        assert_ne!(retried["id"], run.as_str());
        let second = api.post(&format!("/runs/{run}/retry")).await.problem(409, "CONFLICT");
        assert_eq!(second["run_id"], retried["id"]);
    }
}

#[tokio::test]
async fn runs_are_filtered_and_walked() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let mut syncs = Vec::new();
    for _ in 0..5 {
        let run = id(&api.post(&format!("/connections/{connection}/sync")).await.json());
        api.run_ends(&run, "succeeded").await;
        syncs.insert(0, run);
    }
    let matching = id(&api.send(Method::POST, "/runs", &json!({"kind": "matching"})).await.json());
    let ids = |items: Vec<Value>| items.iter().map(id).collect::<Vec<_>>();
    let all: Vec<_> = std::iter::once(matching.clone()).chain(syncs.clone()).collect();
    for limit in [1, 2, 6] {
        assert_eq!(ids(api.walk("/runs", limit).await), all);
        assert_eq!(ids(api.walk("/runs?kind=sync", limit).await), syncs);
    }
    assert_eq!(ids(api.get("/runs?status=queued").await.items()), [matching]);
    assert_eq!(ids(api.get(&format!("/runs?connection={connection}&status=succeeded")).await.items()), syncs);
    assert!(api.get("/runs?since=2999-01-01").await.items().is_empty());
    assert_eq!(api.get("/runs?since=2020-01-01T00:00:00Z").await.items().len(), 6);
    for (query, field) in [
        ("kind=dance", "kind"),
        ("status=x", "status"),
        ("connection=7", "connection"),
        ("since=soon", "since"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("cursor=x", "cursor"),
        ("state=x", "state"),
        ("kind=sync&kind=matching", "kind"),
    ] {
        api.get(&format!("/runs?{query}")).await.names_field(field);
    }
}

#[tokio::test]
async fn runs_that_temporal_has_not_heard_of_are_handed_over() {
    let mut engine = willing_engine();
    engine.checkpoint();
    let (sender, mut started) = tokio::sync::mpsc::unbounded_channel();
    engine.expect_run_start().returning(move |start| {
        sender.send((start.run_id.to_string(), start.summary.clone())).unwrap();
        Ok(())
    });
    engine.expect_run_cancel().returning(|id, _| Err(EngineError::NotRunning(id.into())));
    engine.expect_run_has_ended().returning(|_| Ok(false));
    let api = TestApi::configured(engine, |config| config.dispatch_interval = std::time::Duration::from_millis(50)).await;
    let connection = api.connection("acme").await;
    let (queued, cancelling) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    for (run, kind, connection, status) in
        [(queued, "sync", format!("'{connection}'"), "queued"), (cancelling, "matching", "null".into(), "cancelling")]
    {
        api.db
            .sql(&format!(
                "insert into runs (id, org_id, kind, status, connection_id, source, requested_by, workflow_id)
                values ('{run}', '{}', '{kind}', '{status}', {connection}, 'gitlab', 'token:first', 'w/{run}')",
                api.org
            ))
            .await;
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(ovia_api::api_serve(api.config.clone(), listener, async {
        let _ = stopped.await;
    }));
    let mut seen = std::collections::BTreeMap::new();
    while seen.len() < 2 {
        let (run, summary) = tokio::time::timeout(std::time::Duration::from_secs(10), started.recv()).await.unwrap().unwrap();
        seen.insert(run, summary);
    }
    assert_eq!(seen[&queued.to_string()], "Sync of acme (gitlab), asked for by token:first");
    assert!(seen.contains_key(&cancelling.to_string()));
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ovia_workflows::EngineError;
use serde_json::json;

use crate::common::{Answer, Method, MockTemporal, TestApi, willing_engine};

async fn open(api: &TestApi, path: &str) -> Answer {
    Answer::of(api.client.request(Method::GET, path)).await
}

#[tokio::test]
async fn health_and_readiness() {
    let api = TestApi::start().await;
    assert_eq!(open(&api, "/health").await.json()["status"], "ok");
    let ready = open(&api, "/ready").await;
    assert_eq!(ready.status, 200);
    let ready = ready.json();
    assert_eq!(
        (&ready["ok"], &ready["postgres"]["ok"], &ready["temporal"]["ok"], &ready["migrations"]["ok"]),
        (&json!(true), &json!(true), &json!(true), &json!(true))
    );
}

#[tokio::test]
async fn readiness_names_the_part_that_is_missing() {
    let mut engine = MockTemporal::new();
    engine.expect_ready().returning(|| Err(EngineError::Unavailable("secret-host:7233".into())));
    let api = TestApi::with_engine(engine).await;
    api.db.sql("delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)").await;
    let ready = open(&api, "/ready").await;
    assert_eq!(ready.status, 503);
    assert!(!ready.text.contains("secret-host"), "{}", ready.text);
    let ready = ready.json();
    assert_eq!(
        (&ready["ok"], &ready["postgres"]["ok"], &ready["temporal"]["ok"], &ready["migrations"]["ok"]),
        (&json!(false), &json!(true), &json!(false), &json!(false))
    );
    assert!(ready["migrations"]["detail"].as_str().unwrap().contains("ovia migrate"));

    api.db.store.pool().close().await;
    let ready = open(&api, "/ready").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["postgres"]["ok"]), (503, &json!(false)));
    assert_eq!(open(&api, "/health").await.status, 200, "the process lives all the same");
    // and what needs Postgres says so without saying how
    let failed = api.get("/connections").await;
    failed.problem(500, "SERVER_ERROR");
    assert!(!failed.text.to_lowercase().contains("pool"), "{}", failed.text);
}

#[tokio::test]
async fn metrics_count_requests_by_route_and_runs_by_status() {
    let api = TestApi::configured(willing_engine(), |config| config.extra_metrics = Some(Arc::new(|| "temporal_extra 1\n".into()))).await;
    let run = api.send(Method::POST, "/runs", &json!({"kind": "matching"})).await.json()["id"].as_str().unwrap().to_owned();
    api.get(&format!("/runs/{run}")).await;
    api.get("/runs/not-an-id").await;
    api.get("/nowhere").await;
    let metrics = open(&api, "/metrics").await;
    assert!(metrics.content_type.starts_with("text/plain"), "{}", metrics.content_type);
    for line in [
        r#"ovia_http_request_duration_seconds_count{method="GET",route="/runs/{id}",status="200"} 1"#,
        r#"ovia_http_request_duration_seconds_count{method="GET",route="/runs/{id}",status="400"} 1"#,
        r#"ovia_http_request_duration_seconds_count{method="GET",route="unmatched",status="404"} 1"#,
        r#"ovia_runs{kind="matching",status="queued"} 1"#,
        "temporal_extra 1",
    ] {
        assert!(metrics.text.contains(line), "{line} is not in {}", metrics.text);
    }
    api.run_ends(&run, "succeeded").await;
    // figures are counted again after a hundred times what counting took
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let metrics = open(&api, "/metrics").await;
        if metrics.text.contains(r#"status="succeeded"} 1"#) && !metrics.text.contains(r#"status="queued""#) {
            break;
        }
        assert!(Instant::now() < deadline, "{}", metrics.text);
    }
}

#[tokio::test]
async fn the_document_is_served_and_has_a_page() {
    let api = TestApi::start().await;
    let document = open(&api, "/openapi.json").await;
    assert_eq!((document.status.as_u16(), document.text.as_str()), (200, ovia_api::openapi_document().as_str()));
    let page = open(&api, "/docs").await;
    assert!(page.status == 200 && page.content_type.starts_with("text/html") && page.text.contains("swagger"), "{}", page.status);
}

#[test]
fn the_committed_document_is_current() {
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.json")).unwrap_or_default();
    assert!(
        committed == ovia_api::openapi_document(),
        "openapi.json is not what the code says; refresh it: ovia openapi > openapi.json, then look at the difference"
    );
}

#[test]
fn the_document_is_the_same_every_time() {
    assert_eq!(ovia_api::openapi_document(), ovia_api::openapi_document());
}

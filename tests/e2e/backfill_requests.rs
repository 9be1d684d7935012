//! Asking for backfills: the same request twice is one run, and what makes no sense is refused with a sentence.

use ovia_domain::{RunId, RunStatus};
use ovia_tests::{TestApp, TestOptions};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::backfill::{backfill_start, id, the_year};

/// An app without a worker, and a connection whose source nobody asks.
async fn idle() -> (TestApp, String) {
    let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
    let connection = app.connect("c", "http://127.0.0.1:9", "t", json!({"projects": ["a/b"]})).await;
    (app, connection)
}

async fn ask(app: &TestApp, connection: &str, body: Value, key: Option<&str>) -> (StatusCode, Value) {
    let headers: Vec<(&str, &str)> = key.map(|key| ("Idempotency-Key", key)).into_iter().collect();
    app.http.send_with(Method::POST, &format!("/connections/{connection}/backfill"), Some(body), &headers).await
}

async fn end(app: &TestApp, run: &Value, status: RunStatus) {
    let run: RunId = id(run).parse().unwrap();
    app.store.run_finish(app.org, run, status, None, None).await.unwrap();
}

#[tokio::test]
async fn the_same_request_twice_is_one_run_until_it_comes_to_nothing() {
    let (app, connection) = idle().await;
    let path = format!("/connections/{connection}/backfill");
    let (one, other) = tokio::join!(app.http.post(&path, the_year()), app.http.post(&path, the_year()));
    assert_eq!((one.0, other.0), (StatusCode::ACCEPTED, StatusCode::ACCEPTED), "{} {}", one.1, other.1);
    assert_eq!(one.1["id"], other.1["id"]);

    let mut half = the_year();
    half["from"] = json!("2025-09-01");
    let (status, problem) = ask(&app, &connection, half.clone(), None).await;
    assert_eq!((status, &problem["code"], &problem["run_id"]), (StatusCode::CONFLICT, &json!("CONFLICT"), &one.1["id"]), "{problem}");

    end(&app, &one.1, RunStatus::Cancelled).await;
    let again = backfill_start(&app, &connection, the_year()).await;
    assert_ne!(again["id"], one.1["id"]);
    end(&app, &again, RunStatus::Succeeded).await;
    assert_eq!(backfill_start(&app, &connection, the_year()).await["id"], again["id"]);
    // the order of streams makes no difference, and what is asked for otherwise is another run
    let of = |streams: &[&str]| json!({"from": "2026-01-01", "to": "2026-02-01", "streams": streams});
    let some = backfill_start(&app, &connection, of(&["issues", "pipelines"])).await;
    assert_eq!(backfill_start(&app, &connection, of(&["pipelines", "issues"])).await["id"], some["id"]);
    end(&app, &some, RunStatus::Succeeded).await;
    assert_ne!(backfill_start(&app, &connection, half).await["id"], again["id"]);
}

#[tokio::test]
async fn a_key_is_one_request_whatever_became_of_it() {
    let (app, connection) = idle().await;
    // without an end the request is about another time each time it is sent; it is the same request all the same
    let open = json!({"from": "2026-01-01", "window": "7d"});
    let (status, run) = ask(&app, &connection, open.clone(), Some("monday")).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    assert_eq!(ask(&app, &connection, open.clone(), Some("monday")).await.1["id"], run["id"]);
    let (status, problem) = ask(&app, &connection, the_year(), Some("monday")).await;
    assert_eq!((status, &problem["run_id"]), (StatusCode::CONFLICT, &run["id"]), "{problem}");
    let (status, problem) = ask(&app, &connection, open.clone(), Some("tuesday")).await;
    assert_eq!((status, &problem["run_id"]), (StatusCode::CONFLICT, &run["id"]), "another backfill is open: {problem}");

    end(&app, &run, RunStatus::Failed).await;
    assert_eq!(ask(&app, &connection, open.clone(), Some("monday")).await.1["id"], run["id"]);
    let (status, other) = ask(&app, &connection, open.clone(), Some("tuesday")).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{other}");
    assert_ne!(other["id"], run["id"]);

    // the key is the organisation's: with another connection it is another request
    let elsewhere = app.connect("d", "http://127.0.0.1:9", "t", json!({"projects": ["a/b"]})).await;
    assert_eq!(ask(&app, &elsewhere, open.clone(), Some("monday")).await.0, StatusCode::CONFLICT);
    assert_eq!(ask(&app, &elsewhere, open.clone(), Some(" ")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(ask(&app, &elsewhere, open, Some(&"k".repeat(201))).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let (app, connection) = idle().await;
    for (body, field) in [
        (json!({}), "from"),
        (json!({"from": "yesterday"}), "from"),
        (json!({"from": "2999-01-01"}), "from"),
        (json!({"from": "2026-02-01", "to": "2026-01-01"}), "from"),
        (json!({"from": "2026-01-01", "window": "0s"}), "window"),
        (json!({"from": "0001-01-01", "window": "1h"}), "window"),
        (json!({"from": "2026-01-01", "priority": 0}), "priority"),
        (json!({"from": "2026-01-01", "since": "x"}), "since"),
    ] {
        let (status, problem) = ask(&app, &connection, body.clone(), None).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(field), "{body}: {problem}");
    }
    let nowhere = "018f0000-0000-7000-8000-00000000000c";
    assert_eq!(ask(&app, nowhere, the_year(), None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_stream_that_has_no_time_is_refused_by_name() {
    let app = TestApp::start().await;
    let demo = crate::demo::server(ovia_demo::CompanySize::small()).await;
    let connection = crate::demo::connect(&app, &demo).await;
    for stream in ["releases", "nonsense"] {
        let run = backfill_start(&app, &connection, json!({"from": "2026-01-01", "to": "2026-02-01", "streams": [stream]})).await;
        let run = app.run_end(id(&run), 60).await;
        assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("VALIDATION_ERROR")), "{run}");
        let message = run["error"]["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("`{stream}` cannot be backfilled by time; ")) && message.contains("merge_requests"), "{run}");
    }
    assert_eq!(demo.stats().requests, 0);
    let run = backfill_start(&app, &connection, json!({"from": "2026-01-01", "to": "2026-03-20", "streams": ["issues"]})).await;
    let run = app.run_end(id(&run), 60).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    let walked: Vec<&str> = run["progress"].as_array().unwrap().iter().map(|stream| stream["stream"].as_str().unwrap()).collect();
    assert!(walked.contains(&"issues") && !walked.contains(&"pipelines"), "{walked:?}");
}

//! No secret leaves its place: not into histories, tables, answers or logs; not after a success, not after a failure.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::TryStreamExt;
use ovia_demo::{CompanySize, FaultKind, Faults};
use ovia_tests::{OviaProcess, TestApp, TestOptions, eventually};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use temporalio_client::{UntypedWorkflow, WorkflowFetchHistoryOptions, WorkflowListOptions};

use crate::{demo, demo::every};

/// Never the right one, and a secret all the same.
const REFUSED_TOKEN: &str = "glpat-not-the-token-of-this-company";

/// All that our own code and the libraries below it say at `debug`.
const LOG: &str = "debug,sqlx=debug,sqlx::query=debug,hyper=debug,hyper_util=debug,h2=debug,tower=debug,reqwest=debug,poem=debug,\
    temporalio_sdk_core=debug,temporalio_client=debug,temporalio_sdk=debug,temporalio_common=debug";

/// What `secret` looks like where it leaked: as it is, in hex, and within base64 at any of three alignments.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), hex::encode(secret)];
    for shift in 0..3 {
        let padded = [&b"\0\0\0"[..shift], secret.as_bytes()].concat();
        // only characters that are made of the secret's bits alone
        let (first, end) = ((shift * 8).div_ceil(6), padded.len() * 8 / 6);
        let within = &STANDARD.encode(&padded)[first..end];
        forms.extend([within.to_owned(), within.replace('+', "-").replace('/', "_")]);
    }
    forms
}

fn holds(text: &str, secret: &str) -> bool {
    forms(secret).iter().any(|form| text.contains(form))
}

#[test]
fn a_secret_is_found_in_every_form() {
    for text in ["s3cret-s3cret", "a s3cret-s3cret", "{\"x\":\"s3cret-s3cret\"}", "ab s3cret-s3cret cd"] {
        assert!(
            holds(text, "s3cret-s3cret") && holds(&STANDARD.encode(text), "s3cret-s3cret") && holds(&hex::encode(text), "s3cret-s3cret")
        );
        assert!(!holds(text, "s3cret-S3cret") && !holds(&STANDARD.encode(text), "s3cret-S3cret"));
    }
}

/// Where to look, by name.
type Places = Vec<(String, String)>;

/// Every workflow of the app, the chain's parts and connection checks included.
async fn histories(app: &TestApp, workflows: usize) -> Places {
    let query = format!("TaskQueue = '{}'", app.task_queue);
    let client = app.engine.client();
    let list = async || -> Vec<_> { client.list_workflows(&query, WorkflowListOptions::default()).try_collect().await.unwrap() };
    // the list lags behind
    let found = eventually("the workflows to be listed", 30, async || Some(list().await).filter(|found| found.len() >= workflows)).await;
    let mut places = Places::new();
    for execution in found {
        // of this part of the chain
        let mut info = client.get_workflow_handle::<UntypedWorkflow>(execution.id()).info().clone();
        info.run_id = Some(execution.run_id().to_owned());
        let handle = info.bind_untyped(client.clone());
        let history = handle.fetch_history(WorkflowFetchHistoryOptions::default()).to_json().await.unwrap();
        let listed = format!("{:?}", execution.raw());
        places.push((format!("the history of {}", execution.id()), format!("{}{listed}", String::from_utf8(history).unwrap())));
    }
    places
}

/// Every row of every table.
async fn tables(app: &TestApp) -> Places {
    let names = "select tablename::text from pg_tables where schemaname = 'public'";
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(app.store.pool()).await.unwrap();
    let mut places = Places::new();
    for name in names {
        let sql = format!("select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from {name} t");
        let rows: String = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(app.store.pool()).await.unwrap();
        places.push((format!("the table {name}"), rows));
    }
    places
}

/// Everything that can be read, but for `/events`, which never ends and tells what the runs' own events tell.
async fn answers(app: &TestApp, connections: &[&str], runs: &[Value]) -> Places {
    let document: Value = serde_json::from_str(&ovia_api::openapi_document()).unwrap();
    let readable =
        document["paths"].as_object().unwrap().iter().filter(|(path, methods)| *path != "/events" && methods.get("get").is_some());
    let letters = app.http.get_all("/dead-letters").await;
    let [runs, letters] = [runs, &letters].map(|rows| rows.iter().map(|row| row["id"].to_string()).collect::<Vec<_>>());
    let connections: Vec<String> = connections.iter().map(|id| (*id).to_owned()).collect();
    let mut places = Places::new();
    for (path, _) in readable {
        let ids = match path.split('/').nth(1) {
            Some("runs") => &runs,
            Some("dead-letters") => &letters,
            _ => &connections,
        };
        let ids = if path.contains("{id}") { &ids[..] } else { &ids[..1] };
        for path in ids.iter().map(|id| path.replace("{id}", id.trim_matches('"')).replace("{kind}", "matching")) {
            let (status, answer) = app.http.send(Method::GET, &path, None).await;
            // some want a parameter, or something that is not there
            let refused = [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND].contains(&status);
            assert!(status == StatusCode::OK || refused, "GET {path}: {status} {answer}");
            places.push((format!("GET {path}"), answer.to_string()));
        }
    }
    places
}

/// Requests that are refused although, or because, they hold a token.
async fn refusals(app: &TestApp, connection: &str, token: &str) -> Places {
    let good = json!({"source": "gitlab", "name": "x", "base_url": "http://127.0.0.1:1", "credentials": {"token": token}, "settings": {}});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let bodies = [
        with("credentials", json!(token)),
        with("credentials", json!({"token": [token]})),
        with("credentials", json!({"password": token})),
        with("name", json!("demo")),
        with("name", json!("")),
        with("base_url", json!(format!("http://oauth2:{token}@127.0.0.1:1"))),
        with("source", json!("nowhere")),
    ];
    let mut places = Places::new();
    for body in bodies {
        let (status, answer) = app.http.post("/connections", body).await;
        assert!(status.is_client_error(), "{status} {answer}");
        places.push(("a refused connection".into(), answer.to_string()));
    }
    let body = json!({"credentials": {"token": 1, "also": token}});
    let (status, answer) = app.http.send(Method::PATCH, &format!("/connections/{connection}"), Some(body)).await;
    assert!(status.is_client_error(), "{status} {answer}");
    places.push(("a refused change".into(), answer.to_string()));
    places
}

fn log_read(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap()
}

#[tokio::test]
async fn secrets_stay_where_they_are() {
    let mut app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
    let folder = tempfile::tempdir().unwrap();
    let (api_log, worker_log) = (folder.path().join("api.log"), folder.path().join("worker.log"));
    let mut env = app.process_env();
    env.extend([("OVIA_LOG", LOG.to_owned()), ("RUST_LOG", LOG.to_owned()), ("OVIA_API_LISTEN", "127.0.0.1:0".to_owned())]);
    let _api = OviaProcess::start_logging("api", &env, &api_log);
    let _worker = OviaProcess::start_logging("worker", &env, &worker_log);
    let address = eventually("the API's address", 60, async || {
        let log = log_read(&api_log);
        let line = log.lines().find(|line| line.contains("the API serves"))?;
        Some(line.split("address=").nth(1)?.split_whitespace().next()?.to_owned())
    });
    app.http.base = format!("http://{}", address.await);

    // a success with a dead letter in it, a token that is revoked in mid-run, one that never was good
    let demo = demo::server(CompanySize::small()).await;
    let broken = every(1, FaultKind::Status(500)).path("/merge_requests/7/notes");
    demo.set_faults(Faults { seed: 1, rules: vec![broken] });
    let connection = demo::connect(&app, &demo).await;
    let (status, check) = app.http.send(Method::POST, &format!("/connections/{connection}/test"), None).await;
    assert_eq!((status, &check["ok"]), (StatusCode::OK, &json!(true)), "{check}");
    let good = app.sync(&connection).await;
    assert_eq!(good["status"], "succeeded", "{good}");
    assert!(good["counts"]["dead_lettered"].as_i64() > Some(0), "{good}");
    let (matching, rollup) = app.follow_ups_end(good["id"].as_str().unwrap()).await;

    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Unauthorized)] });
    let revoked = app.sync(&connection).await;
    let other = app.connect("refused", demo.base_url(), REFUSED_TOKEN, demo::settings(&demo)).await;
    let (_, failed_check) = app.http.send(Method::POST, &format!("/connections/{other}/test"), None).await;
    let refused = app.sync(&other).await;
    for run in [&revoked, &refused] {
        assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("UNAUTHENTICATED")), "{run}");
    }

    let runs = [good, matching, rollup, revoked, refused];
    let mut places = histories(&app, runs.len() + 2).await;
    places.extend(tables(&app).await);
    places.extend(answers(&app, &[&connection, &other], &runs).await);
    places.extend(refusals(&app, &connection, demo::TOKEN).await);
    places.extend([("a check", check), ("a failed check", failed_check)].map(|(name, answer)| (name.to_owned(), answer.to_string())));
    places.extend([("the API's log", &api_log), ("the worker's log", &worker_log)].map(|(name, log)| (name.to_owned(), log_read(log))));
    looked_well(&places, &connection);

    let database_url = url::Url::parse(&app.database.url()).unwrap();
    let secrets = [
        ("the source's token", demo::TOKEN),
        ("the refused token", REFUSED_TOKEN),
        ("the sealing key", app.sealing_key.split_once(':').unwrap().1),
        ("the API's token", &app.http.token),
        ("the database's password", database_url.password().unwrap()),
    ];
    for (name, secret) in secrets {
        let found: Vec<&String> = places.iter().filter(|(_, text)| holds(text, secret)).map(|(place, _)| place).collect();
        assert!(found.is_empty(), "{name} is in {found:?}");
    }
}

/// What is no secret is found in the same places in the same way.
fn looked_well(places: &Places, connection: &str) {
    let text_of = |name: &str| &places.iter().find(|(place, _)| place.starts_with(name)).unwrap_or_else(|| panic!("{name} was not read")).1;
    // fields of the workflows' inputs, which are in payloads
    for (workflow, field) in [("sync", "source_failures_max"), ("connection_check", "connection_id"), ("matching", "then_rollup")] {
        assert!(holds(text_of(&format!("the history of {workflow}/")), field), "{workflow}: payloads are not searched");
    }
    for name in ["the table runs", "the table dead_letters", "GET /connections", "GET /runs/", "GET /dead-letters/"] {
        assert!(holds(text_of(name), connection), "{name} does not name the connection");
    }
    assert!(text_of("the table run_events").contains("run_finished"));
    assert!(text_of("the table connections").contains("refused"));
    for name in ["the API's log", "the worker's log"] {
        assert!(text_of(name).contains("DEBUG"), "{name} was not written at debug");
    }
}

//! Organisations share workers: one that asks for a lot does not keep the others waiting.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::join_all;
use ovia_demo::{Company, CompanyOptions, CompanySize, DemoServer, FaultKind, FaultRule, ServerOptions};
use ovia_domain::OrgId;
use ovia_tests::{Http, TestApp, TestOptions, eventually};
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::demo;

const SMALL: usize = 5;
const GREEDY: usize = 40;

/// An organisation with its own token.
async fn organisation(app: &TestApp, name: &str) -> Http {
    let org = OrgId::generate();
    sqlx::query("insert into organisations (id, name) values ($1, $2)").bind(org.0).bind(name).execute(app.store.pool()).await.unwrap();
    let token = app.store.token_create(org, name).await.unwrap();
    Http::new(app.http.base.clone(), token.expose_secret().to_owned())
}

async fn connect(http: &Http, name: &str, demo: &DemoServer) -> String {
    let settings = json!({"groups": [demo.top_group()], "details": false});
    let body =
        json!({"source": "gitlab", "name": name, "base_url": demo.base_url(), "credentials": {"token": demo::TOKEN}, "settings": settings});
    let (status, connection) = http.post("/connections", body).await;
    assert_eq!(status, StatusCode::CREATED, "{connection}");
    connection["id"].as_str().unwrap().to_owned()
}

async fn sync_start(http: &Http, connection: &str) -> String {
    let (status, run) = http.send(Method::POST, &format!("/connections/{connection}/sync"), None).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    run["id"].as_str().unwrap().to_owned()
}

/// How long a run took, from being asked for to its end, by the run's own times.
async fn took(http: &Http, run: &str) -> Duration {
    let run = eventually("the sync to end", 60, || async {
        let run = http.get(&format!("/runs/{run}")).await;
        run["ended_at"].is_string().then_some(run)
    })
    .await;
    assert_eq!(run["status"], "succeeded", "{run}");
    let at = |field: &Value| field.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    (at(&run["ended_at"]) - at(&run["created_at"])).to_std().unwrap()
}

/// Waits for the runs that follow a sync.
async fn quiet(http: &Http) {
    eventually("the runs that follow to end", 60, || async {
        http.get_all("/runs").await.iter().all(|run| run["ended_at"].is_string()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_greedy_organisation_does_not_hold_the_small_ones_up() {
    // slices as in production: after five seconds one ends and goes to the end of its organisation's queue
    let app = TestApp::start_with(TestOptions { max_activities: 12, ..TestOptions::default() }).await;
    let size = CompanySize { people: 4, projects: 1, merge_requests: 10, pipelines: 10, deployments: 2 };
    let company = Company::generate(&CompanyOptions { seed: 7, as_of: demo::as_of(), size });
    let demo = DemoServer::start(company, ServerOptions { token: demo::TOKEN.into(), ..ServerOptions::default() }).unwrap();

    // a slice's time is the source's: the workers' slots are what there is too little of, not this machine's cores
    demo.set_faults(FaultRule::always(FaultKind::Slow(1000)).into());

    let mut small = Vec::new();
    for n in 0..SMALL {
        let http = organisation(&app, &format!("small {n}")).await;
        // one connection to sync alone, one to sync beside the greedy organisation: both for the first time
        let (alone, beside) = (connect(&http, "alone", &demo).await, connect(&http, "beside", &demo).await);
        small.push((http, alone, beside));
    }
    let greedy = organisation(&app, "greedy").await;
    let mut connections = Vec::new();
    for n in 0..GREEDY {
        connections.push(connect(&greedy, &format!("greedy {n}"), &demo).await);
    }

    let mut alone_took = Vec::new();
    for (http, alone, _) in small.iter().take(2) {
        alone_took.push(took(http, &sync_start(http, alone).await).await);
        quiet(http).await;
    }
    let queued = join_all(connections.iter().map(|connection| sync_start(&greedy, connection))).await;
    let runs = join_all(small.iter().map(|(http, _, beside)| sync_start(http, beside))).await;
    let beside_took = join_all(small.iter().zip(&runs).map(|((http, ..), run)| took(http, run))).await;
    let open = greedy.get_all("/runs?kind=sync").await.iter().filter(|run| run["ended_at"].is_null()).count();

    let slowest = |times: &[Duration]| times.iter().max().copied().unwrap();
    let factor = slowest(&beside_took).as_secs_f64() / slowest(&alone_took).as_secs_f64();
    println!(
        "a small sync alone: {alone_took:.2?}; {SMALL} at once beside {} queued ones: {beside_took:.2?}; {factor:.2} times as long, and {open} of the greedy ones were still open",
        queued.len()
    );
    assert!(open > GREEDY / 2, "the queue was too short to prove anything");
    assert!(factor <= 2.0, "{factor:.2} times as long as alone");
}

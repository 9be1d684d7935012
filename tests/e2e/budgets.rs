//! One budget per credential and host: told once, kept by every worker; a reserve for live syncs; an organisation's ceiling.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use ovia_activities::budget::{BudgetClass, Budgets, SharedBudget};
use ovia_connectors::contract::{Budget, RateObservation};
use ovia_demo::CompanySize;
use ovia_domain::OrgId;
use ovia_store::testing::TestDatabase;
use ovia_tests::{TestApp, TestOptions, eventually, state};
use ovia_workflows::types::SyncTuning;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    demo,
    proxy::{Act, Proxy},
    truth::assert_synced,
};

/// Requests that were on their way when the source said to stop arrive within this time.
const ON_THE_WAY: Duration = Duration::from_millis(150);

#[tokio::test]
async fn nobody_sends_before_the_time_one_of_them_was_told() {
    let tuning = SyncTuning { slice_pages: 8, ..TestOptions::default().tuning };
    let app = TestApp::start_with(TestOptions { tuning, ..TestOptions::default() }).await;
    let _second = app.worker_new();
    let demo = demo::server(CompanySize::small()).await;
    let told: Arc<Mutex<Option<Instant>>> = Arc::default();
    let told_in_proxy = Arc::clone(&told);
    let proxy = Proxy::start(demo.base_url(), move |nth, _| {
        if nth != 60 {
            return Act::Pass(Vec::new());
        }
        *told_in_proxy.lock().unwrap() = Some(Instant::now());
        Act::Answer(429, vec![("retry-after", "3".into())])
    })
    .await;
    let one = app.connect("one", &proxy.url, demo::TOKEN, demo::settings(&demo)).await;
    let two = app.connect("two", &proxy.url, demo::TOKEN, demo::settings(&demo)).await;
    let (first, second) = tokio::join!(app.sync(&one), app.sync(&two));
    assert_eq!((&first["status"], &second["status"]), (&json!("succeeded"), &json!("succeeded")), "{first} {second}");

    let told = told.lock().unwrap().expect("the source said to stop");
    let arrivals = proxy.arrivals();
    let too_early: Vec<_> = arrivals
        .iter()
        .filter(|arrival| arrival.at > told + ON_THE_WAY && arrival.at < told + Duration::from_secs(3))
        .map(|arrival| (arrival.at - told, &arrival.path))
        .collect();
    assert!(too_early.is_empty(), "arrived before the time that was told: {too_early:?}");
    let after = arrivals.iter().filter(|arrival| arrival.at >= told + Duration::from_secs(3)).count();
    println!("{} requests before, {after} after 3 s of silence", arrivals.len() - after);
    assert!(after > 60, "both went on");

    // both connections show the same budget, and nobody sees the token
    // (the two are read one after the other, and a worker may still tell what the last answer said)
    let budget = eventually("both connections to show the same budget", 10, || async {
        let budget = app.http.get(&format!("/connections/{one}/budget")).await;
        (budget == app.http.get(&format!("/connections/{two}/budget")).await).then_some(budget)
    })
    .await;
    assert_eq!(budget["limits"][0]["not_before"], json!(null), "it is over: {budget}");
    assert_eq!(state::count(&app.store, "select count(*) from source_budgets where endpoint = ''").await, 1);
    let leaked = format!("select count(*) from source_budgets where budget_key like '%{}%'", demo::TOKEN);
    assert_eq!(state::count(&app.store, &leaked).await, 0);
}

/// The source says that little is left: a census waits for the next window, a sync goes on.
#[tokio::test]
async fn background_work_leaves_a_reserve_to_live_syncs() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let scarce = Arc::new(AtomicBool::new(false));
    let reset = Arc::new(Mutex::new(Utc::now()));
    let (scarce_in_proxy, reset_in_proxy) = (Arc::clone(&scarce), Arc::clone(&reset));
    let proxy = Proxy::start(demo.base_url(), move |_, _| {
        let left = if scarce_in_proxy.load(Ordering::SeqCst) { "150" } else { "900" };
        let reset = reset_in_proxy.lock().unwrap().timestamp().to_string();
        let headers = [("ratelimit-limit", "1000".to_owned()), ("ratelimit-remaining", left.to_owned()), ("ratelimit-reset", reset)];
        Act::Pass(headers.into())
    })
    .await;
    let connection = app.connect("demo", &proxy.url, demo::TOKEN, demo::settings(&demo)).await;
    assert_eq!(app.sync(&connection).await["status"], "succeeded");

    *reset.lock().unwrap() = Utc::now() + TimeDelta::seconds(15);
    scarce.store(true, Ordering::SeqCst);
    assert_eq!(app.sync(&connection).await["status"], "succeeded", "a live sync uses what is left");
    let path = format!("/connections/{connection}/budget");
    let budget = eventually("the budget to be known", 5, || async {
        let budget = app.http.get(&path).await;
        (budget["limits"][0]["remaining"].as_i64()? <= 150).then_some(budget)
    })
    .await;
    assert_eq!((&budget["limits"][0]["limit"], &budget["limits"][0]["endpoint"]), (&json!(1000), &json!(null)), "{budget}");

    let before = proxy.arrivals().len();
    let (status, census) = app.http.send(Method::POST, &format!("/connections/{connection}/census"), None).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{census}");
    let census = census["id"].as_str().unwrap().to_owned();
    let waiting = app.run_status(&census, "waiting", 10).await;
    let until: DateTime<Utc> = waiting["waiting_until"].as_str().unwrap().parse().unwrap();
    assert_eq!(until.timestamp(), reset.lock().unwrap().timestamp(), "until the next window: {waiting}");
    assert_eq!(proxy.arrivals().len(), before, "the census asked nothing");
    assert_eq!(app.sync(&connection).await["status"], "succeeded", "a live sync goes on meanwhile");
    scarce.store(false, Ordering::SeqCst);
    let census = app.run_end(&census, 60).await;
    assert_eq!(census["status"], "succeeded", "{census}");
    assert!(Utc::now() >= until);
    assert_synced(&app.store, &demo.truth()).await;
}

/// Two workers' registries over one database.
struct Workers {
    database: TestDatabase,
    org: OrgId,
    one: Budgets,
    two: Budgets,
}

impl Workers {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let (org, _) = database.store.first_token_create("test").await.unwrap().unwrap();
        Self { database, org, one: Budgets::default(), two: Budgets::default() }
    }

    fn open(&self, class: BudgetClass) -> (SharedBudget, SharedBudget) {
        let open = |budgets: &Budgets| budgets.open(&self.database.store, "key", self.org, class);
        (open(&self.one), open(&self.two))
    }
}

#[tokio::test]
async fn what_one_worker_is_told_holds_for_the_other_at_once() {
    let workers = Workers::new().await;
    let (one, two) = workers.open(BudgetClass::Live);
    assert!(one.admit("notes").await.is_ok() && two.admit("notes").await.is_ok());
    let until = Utc::now() + TimeDelta::seconds(60);
    // the other worker reads now and would not look again for a quarter of a second, if nobody told it
    assert!(two.admit("").await.is_ok());
    one.observe("notes", &RateObservation { not_before: Some(until), ..RateObservation::default() }).await;
    let told = Instant::now();
    let refused = eventually("the other worker to hear of it", 2, || async { two.admit("").await.err() }).await;
    println!("the other worker knew after {:?}", told.elapsed());
    assert_eq!(refused.timestamp_millis(), until.timestamp_millis());
    assert_eq!(one.admit("jobs").await.unwrap_err().timestamp_millis(), until.timestamp_millis());
    // an earlier time does not shorten it
    two.observe("", &RateObservation { not_before: Some(Utc::now()), ..RateObservation::default() }).await;
    assert!(one.admit("").await.is_err() && two.admit("").await.is_err());
}

#[tokio::test]
async fn a_burst_limit_slows_one_endpoint_and_the_reserve_is_for_live_work() {
    let workers = Workers::new().await;
    let ((live, other), (background, _)) = (workers.open(BudgetClass::Live), workers.open(BudgetClass::Background));
    let until = Utc::now() + TimeDelta::seconds(60);
    live.observe("notes", &RateObservation { not_before: Some(until), endpoint_only: true, ..RateObservation::default() }).await;
    eventually("the other worker to hear of it", 2, || async { other.admit("notes").await.err() }).await;
    assert!(other.admit("").await.is_ok() && other.admit("jobs").await.is_ok());
    assert!(background.admit("jobs").await.is_ok());

    let left = RateObservation { limit: Some(100), remaining: Some(21), reset_at: Some(until), ..RateObservation::default() };
    live.observe("", &left).await;
    assert!(background.admit("").await.is_ok(), "21 of 100 are left");
    assert_eq!(background.admit("").await.unwrap_err().timestamp_millis(), until.timestamp_millis(), "20 of 100 are left");
    for _ in 0..20 {
        assert!(live.admit("").await.is_ok());
    }
    assert!(live.admit("").await.is_err(), "nothing is left");
}

#[tokio::test]
async fn an_organisations_ceiling_is_kept_by_all_workers_together() {
    let workers = Workers::new().await;
    workers.database.sql("update organisations set requests_per_minute = 50").await;
    let ((one, two), (background, other)) = (workers.open(BudgetClass::Live), workers.open(BudgetClass::Background));
    let spend = |budget: SharedBudget| async move {
        let mut sent = 0;
        while sent < 200 && budget.admit("").await.is_ok() {
            sent += 1;
        }
        sent
    };
    let (a, b) = tokio::join!(spend(background), spend(other));
    let (c, d) = tokio::join!(spend(one.clone()), spend(two));
    println!("background {a} + {b}, live {c} + {d} of 50 a minute");
    let per_minute = state::count(&workers.database.store, "select max(requests) from org_request_minutes").await;
    let minutes = state::count(&workers.database.store, "select count(*) from org_request_minutes").await;
    assert_eq!(per_minute, 50);
    if minutes == 1 {
        assert_eq!(((a + b), (a + b + c + d)), (40, 50), "background work gets 80 %");
        assert!(one.admit("").await.unwrap_err() <= Utc::now() + TimeDelta::seconds(60), "until the minute ends");
    }
    workers.database.sql("update organisations set requests_per_minute = null").await;
    let budgets = Budgets::default();
    let unlimited = budgets.open(&workers.database.store, "key", workers.org, BudgetClass::Live);
    for _ in 0..100 {
        assert!(unlimited.admit("").await.is_ok());
    }
}

/// Postgres is away: what the worker knows decides, and nothing hangs.
#[tokio::test]
async fn without_postgres_the_worker_goes_by_what_it_knows() {
    let workers = Workers::new().await;
    let (one, _) = workers.open(BudgetClass::Live);
    assert!(one.admit("").await.is_ok());
    workers.database.store.pool().close().await;
    assert!(one.admit("").await.is_ok());
    let until = Utc::now() + TimeDelta::seconds(60);
    one.observe("", &RateObservation { not_before: Some(until), ..RateObservation::default() }).await;
    assert_eq!(one.admit("").await.unwrap_err(), until);
}

/// A request that nobody polls while it waits for Postgres: the others do not wait for it.
#[tokio::test]
async fn a_request_that_is_left_alone_holds_up_no_other() {
    let workers = Workers::new().await;
    let (one, other) = workers.open(BudgetClass::Live);
    let beside = one.clone();
    let mut left_alone = Box::pin(one.admit(""));
    assert!(futures::poll!(&mut left_alone).is_pending());
    for _ in 0..10 {
        let admitted = tokio::time::timeout(Duration::from_secs(20), beside.admit("")).await;
        assert!(admitted.expect("it waits for a request that nobody polls").is_ok());
    }
    assert!(other.admit("").await.is_ok());
    assert!(left_alone.await.is_ok());
}

//! A thousand open streams on one API process, while runs write events.

use std::{
    collections::HashMap,
    net::TcpListener,
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all, stream};
use ovia_domain::{RunId, RunKind, RunStatus};
use ovia_store::testing::new_run;
use ovia_tests::{EventStream, Http, OviaProcess, TestApp, eventually};
use serde_json::json;

use crate::{
    ovia, postgres,
    report::{Figure, Report, percentile},
    system::memory_mb,
};

const RUNS: usize = 10;
/// Of each run.
const EVENTS: usize = 60;
/// Between two events of a run.
const PAUSE: Duration = Duration::from_millis(200);
/// How long idle streams are watched.
const IDLE: Duration = Duration::from_secs(10);

pub async fn measure(report: &mut Report, streams: usize) -> anyhow::Result<()> {
    let app = ovia::app().await;
    let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut env = app.process_env();
    env.push(("OVIA_API_LISTEN", listen.to_string()));
    let api = OviaProcess::start("api", &env);
    let http = Http::new(format!("http://{listen}"), app.http.token.clone());
    let client = reqwest::Client::new();
    eventually("the API", 30, || async { client.get(format!("{}/health", http.base)).send().await.ok() }).await;
    let memory = || memory_mb(api.id()).unwrap_or(f64::NAN);
    let before = memory();

    let runs = join_all((0..RUNS).map(|_| run_new(&app))).await;
    // nine of ten watch a run, the tenth everything
    let paths =
        (0..streams).map(|index| if index % 10 == 9 { "/events".to_owned() } else { format!("/runs/{}/events", runs[index % RUNS]) });
    let paths: Vec<String> = paths.collect();
    let began = Instant::now();
    let open: Vec<EventStream> =
        stream::iter(&paths).map(|path| EventStream::open(&client, &http, path, None)).buffered(64).collect().await;
    let named = |what: &str| format!("{streams} event streams: {what}");
    report.add(Figure::value(&named("time to open them"), began.elapsed().as_secs_f64(), "s"));
    let readers = open.into_iter().zip(&paths).map(|(stream, path)| tokio::spawn(read(stream, path == "/events"))).collect::<Vec<_>>();

    let start = postgres::done(&app.store).await?;
    tokio::time::sleep(IDLE).await;
    let queries = (postgres::done(&app.store).await? - start).transactions as f64;
    let seconds = (IDLE + Duration::from_secs(11)).as_secs_f64();
    report.add(Figure::value(&named("transactions in Postgres while idle"), queries / seconds, "a second"));
    report.add(Figure::value(&named("memory of the API, idle"), memory(), &format!("MB   (without any: {before:.1} MB)")));

    let sent = join_all(runs.iter().map(|run| write(&app, *run))).await;
    let sent: HashMap<String, Instant> = sent.into_iter().flatten().collect();
    let mut latencies = Vec::new();
    let (mut expected, mut came) = (0, 0);
    for (reader, path) in readers.into_iter().zip(&paths) {
        let read = reader.await?;
        // each event once: another one, or one twice, is as wrong as one that is lost
        expected += if path == "/events" { RUNS * EVENTS } else { EVENTS };
        came += read.keys().filter(|mark| sent.contains_key(*mark)).count();
        latencies.extend(read.iter().filter_map(|(mark, at)| Some(at.duration_since(*sent.get(mark)?).as_secs_f64() * 1000.0)));
    }
    latencies.sort_by(f64::total_cmp);
    report.add(Figure::value(&named("from write to client, median"), percentile(&latencies, 50.0), "ms"));
    report.add(Figure::value(&named("from write to client, p95"), percentile(&latencies, 95.0), "ms"));
    report.add(Figure::value(&named("events lost"), (expected - came) as f64, &format!("of {expected}")));
    report.add(Figure::value(&named("memory of the API, after"), memory(), "MB"));
    Ok(())
}

async fn run_new(app: &TestApp) -> RunId {
    let new = new_run(app.org, RunKind::Matching);
    let run_id = new.run_id;
    app.store.run_create(new).await.unwrap_or_else(|error| panic!("{error}"));
    run_id
}

/// Writes a run's events as page commits do, then ends it. Answers when each was begun, by its mark.
async fn write(app: &TestApp, run: RunId) -> Vec<(String, Instant)> {
    let mut sent = Vec::new();
    let mut ticks = tokio::time::interval(PAUSE);
    for number in 0..EVENTS {
        ticks.tick().await;
        let mark = format!("{run}/{number}");
        let data = json!({"mark": mark, "stream": "merge_requests", "page": {"fetched": 100}});
        sent.push((mark, Instant::now()));
        app.store.run_event(app.org, run, "page_committed", data).await.unwrap_or_else(|error| panic!("{error}"));
    }
    app.store.run_finish(app.org, run, RunStatus::Succeeded, None, None).await.unwrap_or_else(|error| panic!("{error}"));
    sent
}

/// When each event came first. A run's stream ends by itself; that of everything when every run has.
async fn read(mut stream: EventStream, everything: bool) -> HashMap<String, Instant> {
    let (mut came, mut finished) = (HashMap::new(), 0);
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_secs(120), stream.next()).await {
        let now = Instant::now();
        if let Some(mark) = mark(&event.data) {
            came.entry(mark.to_owned()).or_insert(now);
        }
        finished += usize::from(event.kind == "run_finished");
        if everything && finished == RUNS {
            break;
        }
    }
    came
}

/// Cut out, not parsed: reading for a thousand streams must not be what takes the time.
fn mark(data: &str) -> Option<&str> {
    data.split_once(r#""mark":""#)?.1.split('"').next()
}

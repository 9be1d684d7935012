//! A run's events survive a restart of the API: the client resumes where it was, and misses and repeats nothing.

use std::time::Duration;

use futures::{Stream, StreamExt};
use ovia_demo::{CompanySize, FaultKind, Faults};
use ovia_domain::{RunId, RunStatus};
use ovia_tests::{TestApp, eventually, state};
use tokio::{sync::mpsc, time::timeout};

use crate::{demo, demo::every};

/// One server-sent event: its id and its kind.
type Event = (i64, String);

/// Opens the event stream of `run`, after the event `after`, and reads it in a task of its own until it ends. The channel closes then.
async fn open(app: &TestApp, run: &str, after: Option<i64>) -> mpsc::UnboundedReceiver<Event> {
    let mut request = reqwest::Client::new().get(format!("{}/runs/{run}/events", app.http.base)).bearer_auth(&app.http.token);
    if let Some(after) = after {
        request = request.header("Last-Event-ID", after.to_string());
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(read(answer.bytes_stream(), sender));
    receiver
}

/// Sends on every whole event of `body` until that ends, by itself or in an error.
async fn read<B: AsRef<[u8]>>(mut body: impl Stream<Item = reqwest::Result<B>> + Unpin, events: mpsc::UnboundedSender<Event>) {
    let mut text = String::new();
    while let Some(Ok(chunk)) = body.next().await {
        text.push_str(&String::from_utf8_lossy(chunk.as_ref()).replace('\r', ""));
        while let Some((event, rest)) = text.split_once("\n\n").map(|(event, rest)| (event.to_owned(), rest.to_owned())) {
            text = rest;
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()));
            if let (Some(id), Some(kind)) = (field("id:"), field("event:")) {
                // nobody listens any more once the test has failed
                let _ = events.send((id.parse().unwrap(), kind));
            }
        }
    }
}

/// The events up to the end of the stream, which must come within `seconds`.
async fn rest(mut stream: mpsc::UnboundedReceiver<Event>, seconds: u64) -> Vec<Event> {
    let mut events = Vec::new();
    let ended = timeout(Duration::from_secs(seconds), async {
        while let Some(event) = stream.recv().await {
            events.push(event);
        }
    });
    assert!(ended.await.is_ok(), "the stream is open after {seconds} s");
    events
}

#[tokio::test]
async fn events_resume_after_an_api_restart_and_end_with_the_run() {
    let mut app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    // slow enough that the run outlives the API: hundreds of requests, a few at a time
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(250))] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync_start(&connection).await;
    let run_id: RunId = run.parse().unwrap();

    let mut stream = open(&app, &run, None).await;
    let mut events = Vec::new();
    while events.len() < 5 {
        let event = timeout(Duration::from_secs(60), stream.recv()).await.unwrap_or_else(|_| panic!("only {events:?} within 60 s"));
        events.push(event.unwrap_or_else(|| panic!("the stream ended after {events:?}")));
    }

    // the API goes while the client is reading: its stream ends, the run does not
    assert!(!stream.is_closed(), "the stream ended before the API did");
    let port = app.api_stop().await;
    events.extend(rest(stream, 10).await);
    assert!(reqwest::get(format!("{}/openapi.json", app.http.base)).await.is_err(), "the API still answers");
    let last = events.last().unwrap().0;
    let stored = |after: i64| format!("select count(*) from run_events where run_id = '{run}' and id > {after}");
    eventually("events while nobody serves them", 60, || async { (state::count(&app.store, &stored(last)).await > 0).then_some(()) }).await;
    assert_eq!(app.store.run_status(app.org, run_id).await.unwrap(), Some(RunStatus::Running));
    assert!(events.iter().all(|event| event.1 != "run_finished"), "{events:?}");

    app.api_start(port).await;
    let stream = open(&app, &run, Some(last)).await;
    assert_eq!(app.store.run_status(app.org, run_id).await.unwrap(), Some(RunStatus::Running));
    demo.set_faults(Faults::default());
    events.extend(rest(stream, 120).await);

    assert_eq!(events.last().unwrap().1, "run_finished");
    assert!(events.windows(2).all(|pair| pair[0].0 < pair[1].0), "events out of order or repeated");
    assert_eq!(events.len() as i64, state::count(&app.store, &stored(0)).await);
    for kind in ["run_started", "stream_started", "page_committed", "stream_finished"] {
        assert!(events.iter().any(|event| event.1 == kind), "no event {kind}");
    }
}

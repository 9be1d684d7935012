//! A run's events survive a restart of the API: the client resumes where it was, and misses and repeats nothing.

use futures::StreamExt;
use ovia_demo::{CompanySize, FaultKind, Faults};
use ovia_tests::{TestApp, state};

use crate::{demo, demo::every};

/// Reads events until the stream ends, or `at_most` were read.
async fn read(app: &TestApp, run: &str, after: Option<i64>, at_most: usize) -> Vec<(i64, String)> {
    let mut request = reqwest::Client::new().get(format!("{}/runs/{run}/events", app.http.base)).bearer_auth(&app.http.token);
    if let Some(after) = after {
        request = request.header("Last-Event-ID", after.to_string());
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut body = answer.bytes_stream();
    let (mut text, mut events) = (String::new(), Vec::new());
    while let Some(Ok(chunk)) = body.next().await {
        text.push_str(&String::from_utf8_lossy(&chunk).replace('\r', ""));
        while let Some((event, rest)) = text.split_once("\n\n").map(|(event, rest)| (event.to_owned(), rest.to_owned())) {
            text = rest;
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()));
            if let (Some(id), Some(kind)) = (field("id:"), field("event:")) {
                events.push((id.parse().unwrap(), kind));
            }
            if events.len() >= at_most {
                return events;
            }
        }
    }
    events
}

#[tokio::test]
async fn events_resume_after_an_api_restart_and_end_with_the_run() {
    let mut app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(5))] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync_start(&connection).await;
    let mut events = read(&app, &run, None, 5).await;
    assert_eq!(events.len(), 5);

    let port = app.api_stop().await;
    demo.set_faults(Faults::default());
    app.api_start(port).await;
    let last = events.last().unwrap().0;
    events.extend(read(&app, &run, Some(last), usize::MAX).await);

    assert_eq!(events.last().unwrap().1, "run_finished");
    assert!(events.windows(2).all(|pair| pair[0].0 < pair[1].0), "events out of order or repeated");
    let stored = state::count(&app.store, &format!("select count(*) from run_events where run_id = '{run}'")).await;
    assert_eq!(events.len() as i64, stored);
    for kind in ["run_started", "stream_started", "page_committed", "stream_finished"] {
        assert!(events.iter().any(|event| event.1 == kind), "no event {kind}");
    }
}

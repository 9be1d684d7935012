use std::time::{Duration, Instant};

use futures::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::{Answer, Method, TestApi};

/// id, kind, data.
type Event = (i64, String, Value);

fn parse(text: &str) -> Vec<Event> {
    let blocks = text.split("\n\n").filter(|block| block.starts_with("id:"));
    blocks
        .map(|block| {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
            (field("id:").parse().unwrap(), field("event:"), serde_json::from_str(&field("data:")).unwrap())
        })
        .collect()
}

async fn queued_run(api: &TestApi) -> String {
    api.send(Method::POST, "/runs", &json!({"kind": "matching"})).await.json()["id"].as_str().unwrap().to_owned()
}

async fn event(api: &TestApi, run: &str, kind: &str, data: Value) {
    api.db.store.run_event(api.org, run.parse().unwrap(), kind, data).await.unwrap();
}

#[tokio::test]
async fn a_finished_run_is_told_whole_and_resumed_anywhere() {
    let api = TestApi::start().await;
    let run = queued_run(&api).await;
    event(&api, &run, "page_committed", json!({"stream": "issues", "fetched": 3})).await;
    event(&api, &run, "page_committed", json!({"stream": "issues", "fetched": 4})).await;
    api.run_ends(&run, "succeeded").await;
    let path = format!("/runs/{run}/events");
    let answer = api.get(&path).await;
    assert_eq!(answer.content_type, "text/event-stream");
    let all = parse(&answer.text);
    let kinds: Vec<_> = all.iter().map(|event| event.1.as_str()).collect();
    assert_eq!(kinds, ["run_queued", "page_committed", "page_committed", "run_finished"]);
    assert_eq!((&all[1].2["fetched"], &all[1].2["run_id"]), (&json!(3), &json!(run)));
    assert!(all[1].2["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(all[3].2["status"], "succeeded");
    for seen in 0..all.len() {
        let by_header =
            Answer::of(api.request(Method::GET, &format!("{path}?after=0")).header("last-event-id", all[seen].0.to_string())).await;
        let by_query = api.get(&format!("{path}?after={}", all[seen].0)).await;
        assert_eq!(parse(&by_header.text), all[seen + 1..], "the header wins");
        assert_eq!(parse(&by_query.text), all[seen + 1..]);
    }
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused() {
    let api = TestApi::start().await;
    let run = queued_run(&api).await;
    api.get("/runs/01890000-0000-7000-8000-000000000001/events").await.problem(404, "NOT_FOUND");
    for bad in ["x", "-1", "1.5"] {
        api.get(&format!("/runs/{run}/events?after={bad}")).await.names_field("after");
        Answer::of(api.request(Method::GET, &format!("/runs/{run}/events")).header("last-event-id", bad))
            .await
            .names_field("Last-Event-ID");
    }
}

#[tokio::test]
async fn events_arrive_as_they_happen_with_heartbeats_between() {
    let api = TestApi::start().await;
    let run = queued_run(&api).await;
    let response = api.request(Method::GET, &format!("/runs/{run}/events")).send().await.0;
    let mut body = response.into_body().into_bytes_stream();
    let mut text = String::new();
    let mut next = async |text: &mut String, wanted: &str| {
        let started = Instant::now();
        while !text.contains(wanted) {
            let part = tokio::time::timeout(Duration::from_secs(10), body.next()).await.unwrap().unwrap().unwrap();
            text.push_str(std::str::from_utf8(&part).unwrap());
        }
        started.elapsed()
    };
    next(&mut text, "run_queued").await;
    next(&mut text, ":\n\n").await;
    // notified, not polled: well under the two seconds between polls
    let mut slow = 0;
    for number in 0..5 {
        event(&api, &run, "page_committed", json!({ "fetched": number })).await;
        slow += usize::from(next(&mut text, &format!("\"fetched\":{number}")).await > Duration::from_secs(1));
    }
    assert!(slow <= 1, "{slow} of 5 events waited for a poll");
    api.run_ends(&run, "failed").await;
    next(&mut text, "run_finished").await;
    assert!(body.next().await.is_none(), "the stream ends with the run");
    let ids: Vec<_> = parse(&text).iter().map(|event| event.0).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
}

#[tokio::test]
async fn a_run_that_ended_without_a_last_event_ends_the_stream() {
    let api = TestApi::start().await;
    let run = queued_run(&api).await;
    api.db.sql(&format!("update runs set status = 'failed', ended_at = now() where id = '{run}'")).await;
    let answer = tokio::time::timeout(Duration::from_secs(10), api.get(&format!("/runs/{run}/events"))).await.unwrap();
    assert_eq!(parse(&answer.text).len(), 1);
}

#[tokio::test]
async fn streams_end_when_their_token_is_revoked() {
    let api = TestApi::start().await;
    let run = queued_run(&api).await;
    for path in [format!("/runs/{run}/events"), "/events?after=0".to_owned()] {
        let token = api.db.store.token_create(api.org, "short").await.unwrap();
        let token = secrecy::ExposeSecret::expose_secret(&token).to_owned();
        let answer = api.client.get(&path).header("authorization", format!("Bearer {token}")).send().await.0;
        let mut body = answer.into_body().into_bytes_stream();
        let first = tokio::time::timeout(Duration::from_secs(10), body.next()).await.unwrap().unwrap().unwrap();
        assert!(std::str::from_utf8(&first).unwrap().contains("run_queued"));
        api.db.sql("update api_tokens set revoked_at = now() where name = 'short'").await;
        let rest = tokio::time::timeout(Duration::from_secs(10), body.collect::<Vec<_>>()).await;
        assert!(rest.is_ok(), "{path} goes on without a token");
    }
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let api = TestApi::start().await;
    let run = queued_run(&api).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut socket = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(ovia_api::api_serve(api.config.clone(), listener, async {
        let _ = stopped.await;
    }));
    let request = format!("GET /runs/{run}/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", api.token);
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains("run_queued") {
        assert!(socket.read_buf(&mut text).await.unwrap() > 0);
    }
    let asked = Instant::now();
    stop.send(()).unwrap();
    socket.read_to_end(&mut text).await.unwrap();
    server.await.unwrap().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert!(String::from_utf8_lossy(&text).ends_with("0\r\n\r\n"), "the body is ended, not cut");
}

//! What is seen of runs while they are open: the organisation's events, health, streams, figures.

use std::time::Duration;

use futures::StreamExt;
use ovia_domain::{ConnectionId, StreamKind, StreamSpec};
use poem::Body;
use serde_json::{Value, json};

use crate::common::{Answer, Method, TestApi};

/// An open event stream and what came so far.
struct Watching {
    body: std::pin::Pin<Box<dyn futures::Stream<Item = std::io::Result<Vec<u8>>> + Send>>,
    text: String,
}

/// id, kind, run.
type Event = (i64, String, String);

impl Watching {
    async fn open(api: &TestApi, path: &str, token: &str) -> Self {
        let request = api.client.get(path).header("authorization", format!("Bearer {token}"));
        let body: Body = request.send().await.0.into_body();
        Self { body: Box::pin(body.into_bytes_stream().map(|part| part.map(|part| part.to_vec()))), text: String::new() }
    }

    /// Reads until there are `count` events.
    async fn events(&mut self, count: usize) -> Vec<Event> {
        loop {
            let found = parse(&self.text);
            if found.len() >= count {
                return found;
            }
            let part = tokio::time::timeout(Duration::from_secs(10), self.body.next()).await;
            let part = part.unwrap_or_else(|_| panic!("only {} within 10 s", self.text)).unwrap().unwrap();
            self.text.push_str(std::str::from_utf8(&part).unwrap());
        }
    }
}

fn parse(text: &str) -> Vec<Event> {
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let blocks = whole.split("\n\n").filter(|block| block.contains("id:"));
    blocks
        .map(|block| {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
            let data: Value = serde_json::from_str(&field("data:")).unwrap();
            (field("id:").parse().unwrap(), field("event:"), data["run_id"].as_str().unwrap_or_default().to_owned())
        })
        .collect()
}

async fn matching(api: &TestApi) -> String {
    let run = api.send(Method::POST, "/runs", &json!({"kind": "matching"})).await.json();
    run["id"].as_str().unwrap_or_else(|| panic!("{run}")).to_owned()
}

#[tokio::test]
async fn the_organisation_s_events_are_told_in_one_stream_and_resumed() {
    let api = TestApi::start().await;
    let before = matching(&api).await;
    let mut live = Watching::open(&api, "/events", &api.token).await;
    let opened = live.events(1).await;
    assert_eq!(opened[0].1, "stream_opened", "what was before is not told");
    api.run_ends(&before, "succeeded").await;
    let after = matching(&api).await;
    let told = live.events(3).await;
    let kinds: Vec<_> = told.iter().map(|event| (event.1.as_str(), event.2.as_str())).collect();
    assert_eq!(kinds[1..], [("run_finished", before.as_str()), ("run_queued", after.as_str())], "it goes on after a run's end");
    // whoever was cut off anywhere goes on from there, also before the first event
    for (index, event) in told.iter().enumerate().take(2) {
        let mut again = Watching::open(&api, &format!("/events?after={}", event.0), &api.token).await;
        assert_eq!(again.events(2 - index).await, told[index + 1..]);
    }
    let mut all = Watching::open(&api, "/events?after=0", &api.token).await;
    assert_eq!(all.events(3).await[0].1, "run_queued");
    assert_eq!(parse(&all.text).len(), 3);
}

#[tokio::test]
async fn another_organisation_hears_nothing() {
    let api = TestApi::start().await;
    let mut other = Watching::open(&api, "/events?after=0", &api.other_token).await;
    let run = matching(&api).await;
    api.run_ends(&run, "succeeded").await;
    let own = api.as_other(Method::POST, "/runs", Some(&json!({"kind": "matching"}))).await.json()["id"].as_str().unwrap().to_owned();
    let told = other.events(1).await;
    assert_eq!((told.len(), &told[0].2), (1, &own));
    for bad in ["-1", "x"] {
        api.get(&format!("/events?after={bad}")).await.names_field("after");
    }
    Answer::of(api.client.get("/events")).await.problem(401, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_stuck_run_is_told_from_one_that_waits() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let run = api.post(&format!("/connections/{connection}/sync")).await.json()["id"].as_str().unwrap().to_owned();
    let health = async |set: &str, state: &str, says: &str| {
        let age = "update run_events set at = now() - interval '200 seconds'; update runs set created_at = now() - interval '200 seconds'";
        api.db.sql(&format!("{age}; update runs set started_at = null; update runs set {set} where id = '{run}'")).await;
        let run = api.get(&format!("/runs/{run}")).await.json();
        assert_eq!(run["health"]["state"], state, "{set}: {run}");
        assert!(run["health"]["message"].as_str().unwrap().contains(says), "{run}");
    };
    let fresh = api.get(&format!("/runs/{run}")).await.json();
    assert_eq!((&fresh["health"]["state"], fresh["last_activity_at"].is_string()), (&json!("ok"), true));
    health("status = 'queued'", "no_worker", "ovia worker").await;
    health("status = 'running'", "stuck", "no sign of life").await;
    health("status = 'waiting', waiting_until = now() + interval '1 hour'", "waiting", "rate limit until").await;
    health("status = 'waiting', waiting_until = now() - interval '5 minutes'", "stuck", "Should have gone on").await;
    health("status = 'paused', waiting_until = null, paused_by = 'kill_switch'", "paused", "kill switch").await;

    // a slice at work renews the lease; another run's lease is what a run may wait for
    let lease = |run: &str| {
        format!(
            "insert into connection_leases (connection_id, org_id, run_id, fence, expires_at)
             values ('{connection}', '{}', '{run}', 1, now() + interval '55 seconds')
             on conflict (connection_id) do update set run_id = excluded.run_id, expires_at = excluded.expires_at",
            api.org
        )
    };
    api.db.sql(&lease(&run)).await;
    health("status = 'running', paused_by = null", "ok", "last sign of life 5 s ago").await;
    api.db.sql(&lease("01890000-0000-7000-8000-000000000001")).await;
    health("status = 'running'", "waiting", "01890000-0000-7000-8000-000000000001").await;
    api.run_ends(&run, "failed").await;
    assert_eq!(api.get(&format!("/runs/{run}")).await.json()["health"], Value::Null);
}

#[tokio::test]
async fn a_stream_that_runs_has_a_pace_and_an_end_in_sight() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let run = api.post(&format!("/connections/{connection}/sync")).await.json()["id"].as_str().unwrap().to_owned();
    let id = run.parse().unwrap();
    api.db.store.run_begin(api.org, id, &["issues", "jobs"], &[]).await.unwrap();
    api.db
        .sql(&format!(
            "update run_streams set status = 'running', started_at = now() - interval '10 seconds', fetched = 300, total_hint = 1300
             where run_id = '{run}' and stream = 'issues'"
        ))
        .await;
    for _ in 0..3 {
        let data = json!({"stream": "issues", "page": {"fetched": 100}});
        api.db.store.run_event(api.org, id, "page_committed", data).await.unwrap();
    }
    let run = api.get(&format!("/runs/{run}")).await.json();
    let (issues, jobs) = (&run["progress"][0], &run["progress"][1]);
    let rate = issues["rows_per_second"].as_f64().unwrap();
    assert!((20.0..=30.0).contains(&rate), "{run}");
    let eta = issues["eta_seconds"].as_i64().unwrap();
    assert!((33..=50).contains(&eta), "{run}");
    assert_eq!((&jobs["rows_per_second"], &jobs["eta_seconds"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn streams_say_how_they_stand() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let path = format!("/connections/{connection}/streams");
    assert_eq!(api.get(&path).await.items(), Vec::<Value>::new());
    let spec = |name, windowed| StreamSpec {
        name,
        kind: StreamKind::Detail,
        title: name,
        natural_key: "iid",
        windowed,
        complete: false,
        census: true,
    };
    let id: ConnectionId = connection.parse().unwrap();
    for _ in 0..2 {
        api.db.store.streams_describe(api.org, id, &[spec("projects", false), spec("issues", true)]).await.unwrap();
    }
    let scope = format!("'{connection}', '{}', 'issues'", api.org);
    api.db
        .sql(&format!(
            "update stream_states set items_ingested_total = 70, backfill_status = 'DONE' where stream = 'issues';
             insert into stream_ingest_hours (connection_id, org_id, stream, hour, items)
                values ({scope}, date_trunc('hour', now()), 30), ({scope}, date_trunc('hour', now()) - interval '30 hours', 40);
             insert into stream_cursors (connection_id, org_id, stream, partition, cursor, watermark)
                values ({scope}, 'a', '{{}}', '2026-01-02T00:00:00Z'), ({scope}, 'b', '{{}}', '2026-01-01T00:00:00Z');
             insert into detail_queue (connection_id, org_id, stream, external_id, args) values ({scope}, '1', '{{}}')"
        ))
        .await;
    let streams = api.get(&path).await.items();
    assert_eq!(streams.iter().map(|stream| stream["stream"].as_str().unwrap()).collect::<Vec<_>>(), ["projects", "issues"]);
    let issues = &streams[1];
    for (field, value) in [
        ("backfill_status", json!("DONE")),
        ("live_status", json!("RUNNING")),
        ("items_ingested_total", json!(70)),
        ("items_ingested_last_24h", json!(30)),
        ("natural_key", json!("iid")),
        ("windowed", json!(true)),
        ("details_queued", json!(1)),
        ("dead_letters_open", json!(0)),
        ("last_error_code", Value::Null),
    ] {
        assert_eq!(issues[field], value, "{field}: {issues}");
    }
    assert_eq!((&issues["cursor"]["partitions"], &issues["cursor"]["watermark"]), (&json!(2), &json!("2026-01-01T00:00:00Z")));
    api.db.sql(&format!("update connections set paused_at = now() where id = '{connection}'")).await;
    assert_eq!(api.get(&path).await.items()[0]["live_status"], "PAUSED");
    api.as_other(Method::GET, &path, None).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn figures_tell_open_stuck_and_held() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let run = api.post(&format!("/connections/{connection}/sync")).await.json()["id"].as_str().unwrap().to_owned();
    api.db
        .sql(&format!(
            "update runs set status = 'running', created_at = now() - interval '1 hour' where id = '{run}';
             update run_events set at = now() - interval '1 hour';
             insert into dead_letters (org_id, connection_id, run_id, stream, payload, payload_hash, reason)
                values ('{0}', '{connection}', '{run}', 'issues', 'x', 'x', 'bad'), ('{0}', '{connection}', '{run}', 'issues', 'y', 'y', 'bad');
             update dead_letters set status = 'dropped' where payload = 'y'",
            api.org
        ))
        .await;
    let stream = Watching::open(&api, "/events", &api.token).await;
    let metrics = Answer::of(api.client.get("/metrics")).await.text;
    drop(stream);
    for line in [
        r#"ovia_runs_open{kind="sync",status="running"} 1"#,
        r#"ovia_runs_health{health="stuck"} 1"#,
        r#"ovia_runs_health{health="ok"} 0"#,
        "ovia_dead_letters_open 1",
        "ovia_leases_held 0",
        "ovia_event_streams_open 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let metrics = Answer::of(api.client.get("/metrics")).await.text;
    assert!(metrics.contains("ovia_event_streams_open 0"), "a stream that was dropped is not open: {metrics}");
}

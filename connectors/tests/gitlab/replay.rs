//! Stored payloads, read again: the same records as when they were pulled, and never a panic.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::LazyLock;

use ovia_connectors::gitlab::Gitlab;
use ovia_connectors::{Connector, PullRequest};
use ovia_domain::{Entity, Record};
use proptest::prelude::*;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer};

use crate::support::{detail, last_page, ok, open};

fn user() -> Value {
    json!({"id": 1, "username": "ada", "name": "Ada Example", "state": "active", "web_url": "https://git.example/ada"})
}

/// A stream, its partition, and a row of it with everything that is read.
fn rows() -> Vec<(&'static str, &'static str, Value)> {
    let at = |hour: u32| format!("2026-01-02T{hour:02}:00:00.123Z");
    let pipeline = json!({"id": 5, "iid": 2, "project_id": 7, "status": "success", "source": "push", "ref": "main", "sha": "abc", "created_at": at(1), "updated_at": at(2)});
    let job = json!({"id": 9, "name": "unit", "stage": "test", "status": "success", "ref": "main", "allow_failure": false, "created_at": at(1), "started_at": at(2),
        "finished_at": at(3), "duration": 3.5, "queued_duration": 1, "user": user(), "pipeline": pipeline});
    vec![
        ("groups", "group:acme", json!({"id": 3, "name": "Acme", "full_path": "acme", "parent_id": 1})),
        (
            "projects",
            "group:acme",
            json!({"id": 7, "name": "web", "path_with_namespace": "acme/web", "namespace": {"id": 3}, "archived": false, "created_at": at(1)}),
        ),
        ("members", "group:acme", json!({"id": 1, "username": "ada", "access_level": 30, "expires_at": "2027-01-01", "created_at": at(1)})),
        (
            "issues",
            "7",
            json!({"id": 1, "iid": 1, "project_id": 7, "title": "t", "state": "opened", "author": user(), "labels": ["a"], "due_date": "2026-02-03", "created_at": at(1), "updated_at": at(2)}),
        ),
        (
            "merge_requests",
            "7",
            json!({"id": 4, "iid": 4, "project_id": 7, "title": "t", "state": "merged", "author": user(), "reviewers": [user()], "merge_user": user(), "draft": false,
            "milestone": {"title": "M"}, "sha": "abc", "created_at": at(1), "updated_at": at(2), "merged_at": at(3)}),
        ),
        ("pipelines", "7", pipeline.clone()),
        ("jobs", "7", job.clone()),
        ("environments", "7", json!({"id": 2, "name": "production", "state": "available", "created_at": at(1)})),
        (
            "deployments",
            "7",
            json!({"id": 3, "iid": 1, "status": "success", "environment": {"id": 2, "name": "production"}, "deployable": {"finished_at": at(2)}, "user": user(), "created_at": at(1), "updated_at": at(2)}),
        ),
        (
            "releases",
            "7",
            json!({"tag_name": "v1", "name": "One", "author": user(), "commit": {"id": "abc"}, "created_at": at(1), "_links": {"self": "https://git.example"}}),
        ),
        ("user_details", "1", json!({"id": 1, "username": "ada", "bot": false, "public_email": "ada@acme.example", "created_at": at(1)})),
        (
            "merge_request_notes",
            "4",
            json!({"id": 30, "body": "added 2 commits", "system": true, "author": user(), "noteable_id": 4, "created_at": at(1)}),
        ),
        ("merge_request_approvals", "4", json!({"approved_by": [{"user": user(), "approved_at": at(2)}]})),
        ("merge_request_commits", "4", json!({"id": "abc", "title": "t", "author_email": "ada@acme.example", "authored_date": at(1)})),
        ("pipeline_details", "5", json!({"id": 5, "user": user(), "started_at": at(1), "duration": 60, "coverage": "68.5"})),
        ("pipeline_jobs", "5", job.clone()),
        ("pipeline_bridges", "5", job),
    ]
}

fn size() -> Value {
    json!({"files": [{"path": "a.rs", "additions": 2, "deletions": 1, "partial": false}]})
}

fn read(stream: &str, partition: &str, payload: &Value) -> Result<Vec<Record>, String> {
    let payload = to_raw_value(payload).unwrap();
    CONNECTOR.normalise(stream, partition, payload).map_err(|letter| letter.reason)
}

static CONNECTOR: LazyLock<Gitlab> = LazyLock::new(|| open("http://127.0.0.1:9"));

fn same(stream: &str, pulled: &Record, read: &Record) {
    assert_eq!(
        (&pulled.external_id, pulled.content_hash, pulled.raw.get()),
        (&read.external_id, read.content_hash, read.raw.get()),
        "{stream}"
    );
    assert_eq!(format!("{:?}", pulled.entities), format!("{:?}", read.entities), "{stream}");
}

#[tokio::test]
async fn what_was_pulled_is_read_again_the_same() {
    for (stream, partition, row) in rows() {
        let server = MockServer::start().await;
        let is_object = matches!(stream, "user_details" | "pipeline_details" | "merge_request_approvals");
        let answer = if is_object { ok(row) } else { last_page(json!([row])) };
        Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&server).await;
        let connector = open(&server.uri());
        let is_detail = connector.streams().iter().any(|spec| spec.name == stream && spec.kind == ovia_domain::StreamKind::Detail);
        let pulled = if is_detail {
            connector.pull_detail(&detail(stream, partition, json!({"project": "7", "iid": 4}))).await.unwrap().records
        } else {
            connector.pull(PullRequest { stream, partition, cursor: None, window: None }).await.unwrap().records
        };
        let record = pulled.into_iter().find(|record| stream != "groups" || record.raw.get().contains("acme")).unwrap();
        same(stream, &record, &connector.normalise(stream, partition, record.raw.clone()).unwrap()[0]);
        if is_detail {
            let by_own_id = connector.normalise(stream, &record.external_id, record.raw.clone()).unwrap();
            same(stream, &record, &by_own_id[0]);
        }
    }
}

#[test]
fn sizes_are_read_from_what_was_counted() {
    let records = read("merge_request_diffs", "4", &size()).unwrap();
    let [Entity::MergeRequestSize(found)] = &records[0].entities[..] else { panic!("a size") };
    assert_eq!((found.external_id.as_str(), found.additions, found.deletions, found.changed_files), ("4", 2, 1, 1));
    assert_eq!(records[0].raw.get(), to_raw_value(&size()).unwrap().get());
    assert!(read("merge_request_diffs", "4", &json!({"files": 3})).is_err());
    let huge = json!({"files": [{"path": "", "additions": i64::MAX, "deletions": 0, "partial": false}, {"path": "", "additions": 9, "deletions": 0, "partial": false}]});
    assert!(read("merge_request_diffs", "4", &huge).is_ok());
}

#[test]
fn a_row_of_which_nobody_knows_where_it_belongs_is_a_dead_letter() {
    for stream in ["members", "environments", "releases", "merge_request_approvals", "merge_request_commits", "merge_request_diffs"] {
        let row = rows().into_iter().find(|row| row.0 == stream).map_or_else(size, |row| row.2);
        assert!(read(stream, "", &row).unwrap_err().contains("is missing"), "{stream}");
    }
    // These say it themselves.
    for stream in ["issues", "merge_requests", "pipelines", "jobs", "pipeline_jobs", "merge_request_notes"] {
        let row = rows().into_iter().find(|row| row.0 == stream).unwrap().2;
        let records = read(stream, "", &row).unwrap();
        assert!(format!("{:?}", records[0].entities).contains(if stream == "merge_request_notes" { "\"4\"" } else { "\"7\"" }), "{stream}");
    }
    assert!(read("wishes", "7", &json!({"id": 1})).unwrap_err().contains("no stream"));
}

#[test]
fn dead_letters_are_read_once_what_was_wrong_is_understood() {
    let wrong = json!({"id": 4, "iid": "x", "title": "t", "state": "opened", "created_at": "2026-01-01T00:00:00Z"});
    let letter = CONNECTOR.normalise("merge_requests", "7", to_raw_value(&wrong).unwrap()).unwrap_err();
    assert_eq!(letter.external_id.as_deref(), Some("4"));
    let payload = RawValue::from_string(letter.payload.replace("\"x\"", "4")).unwrap();
    assert_eq!(CONNECTOR.normalise("merge_requests", "7", payload).unwrap()[0].external_id, "4");
}

/// Any JSON, from nested structures to odd numbers and texts.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        prop::sample::select(
            &[
                "",
                " ",
                "2026-01-01T00:00:00Z",
                "0000-00-00",
                "2026-02-30",
                "+262143-12-31T23:59:59Z",
                "a\u{0}b",
                "\u{1F6D2}",
                "NaN",
                "1e400"
            ][..]
        )
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z_]{1,8}", inner, 0..6).prop_map(Value::from_iter),
        ]
    })
}

/// What is done to a real row.
#[derive(Clone, Debug)]
enum Change {
    Replace(usize, Value),
    Remove(usize),
    Wrap(usize),
    Add(Value),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (any::<usize>(), value()).prop_map(|(place, value)| Change::Replace(place, value)),
        1 => any::<usize>().prop_map(Change::Remove),
        1 => any::<usize>().prop_map(Change::Wrap),
        1 => value().prop_map(Change::Add),
    ]
}

fn apply(row: &mut Value, change: &Change) {
    let Some(members) = row.as_object_mut().filter(|members| !members.is_empty()) else { return };
    let name = |place: usize| members.keys().nth(place % members.len()).cloned().unwrap();
    match change {
        Change::Replace(place, value) => {
            let name = name(*place);
            // Sometimes deeper down.
            match members.get_mut(&name) {
                Some(inner @ Value::Object(_)) if place % 3 == 0 => apply(inner, change),
                slot => *slot.unwrap() = value.clone(),
            }
        }
        Change::Remove(place) => {
            let name = name(*place);
            members.remove(&name);
        }
        Change::Wrap(place) => {
            let name = name(*place);
            let inner = members[&name].take();
            members.insert(name, json!([inner]));
        }
        Change::Add(value) => {
            members.insert("a_field_of_next_year".into(), value.clone());
        }
    }
}

/// Rows recorded from real servers, where they are at hand.
fn recorded() -> Vec<(&'static str, &'static str, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/recorded/gitlab");
    let lists = [
        ("issues", "issues"),
        ("merge_requests", "merge_requests"),
        ("pipeline", "pipelines"),
        ("job", "jobs"),
        ("deployments", "deployments"),
        ("users", "members"),
    ];
    let rows = lists.iter().filter_map(|(name, stream)| {
        let text = std::fs::read_to_string(folder.join(format!("devlake_gitlab_api_{name}.json"))).ok()?;
        let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
        let partition = if *stream == "members" { "group:acme" } else { "7" };
        Some(rows.into_iter().take(8).map(move |row| (*stream, partition, row["data"].clone())))
    });
    rows.flatten().collect()
}

static SEEDS: LazyLock<Vec<(&'static str, &'static str, Value)>> = LazyLock::new(|| {
    let mut seeds = rows();
    seeds.push(("merge_request_diffs", "4", size()));
    seeds.extend(recorded());
    seeds
});

fn ends_well(stream: &str, partition: &str, payload: &Value) -> Result<(), TestCaseError> {
    let raw = to_raw_value(payload).unwrap();
    match CONNECTOR.normalise(stream, partition, raw) {
        Ok(records) => {
            prop_assert_eq!(records.len(), 1, "{}", stream);
            prop_assert!(!records[0].external_id.is_empty(), "{}", stream);
            prop_assert!(!has_nul(&serde_json::to_value(&records[0].entities).unwrap()), "a NUL would block the page's commit");
        }
        Err(letter) => prop_assert!(!letter.reason.is_empty() && letter.payload.len() <= 64 * 1024),
    }
    Ok(())
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn any_json_ends_as_a_record_or_a_dead_letter(payload in value(), partition in prop::sample::select(&["7", "", "group:a", "4:abc"][..])) {
        for (stream, ..) in SEEDS.iter() {
            ends_well(stream, partition, &payload)?;
        }
    }

    #[test]
    fn a_changed_real_row_does_too(seed in any::<usize>(), changes in prop::collection::vec(change(), 1..6)) {
        let (stream, partition, mut row) = SEEDS[seed % SEEDS.len()].clone();
        for change in &changes {
            apply(&mut row, change);
        }
        ends_well(stream, partition, &row)?;
    }
}

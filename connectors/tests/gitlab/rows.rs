//! Whatever a row holds, it ends as a record or as a dead letter, and nothing panics.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::LazyLock;

use ovia_connectors::gitlab::Gitlab;
use ovia_connectors::{Connector, PullRequest};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wiremock::{MockServer, Respond};

use crate::support::{detail, open};

/// One server that answers every list and object with the rows of the case at hand.
struct Echo(std::sync::Arc<std::sync::Mutex<Value>>);

impl Respond for Echo {
    fn respond(&self, request: &wiremock::Request) -> wiremock::ResponseTemplate {
        let rows = self.0.lock().unwrap().clone();
        let is_object = request.url.path().ends_with("/approvals") || request.url.path().contains("/users/");
        crate::support::last_page(if is_object { rows[0].clone() } else { rows })
    }
}

struct Fixture {
    runtime: Runtime,
    connector: Gitlab,
    rows: std::sync::Arc<std::sync::Mutex<Value>>,
    _server: MockServer,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let rows = std::sync::Arc::new(std::sync::Mutex::new(json!([])));
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        wiremock::Mock::given(wiremock::matchers::any()).respond_with(Echo(rows.clone())).mount(&server).await;
        server
    });
    let connector = open(&server.uri());
    Fixture { runtime, connector, rows, _server: server }
});

const FIELDS: [&str; 24] = [
    "id",
    "iid",
    "project_id",
    "title",
    "state",
    "created_at",
    "updated_at",
    "author",
    "user",
    "assignees",
    "labels",
    "milestone",
    "status",
    "name",
    "path_with_namespace",
    "full_path",
    "tag_name",
    "approved_by",
    "body",
    "username",
    "environment",
    "pipeline",
    "duration",
    "expires_at",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("2026-01-01T00:00:00Z")),
        Just(json!("a\u{0}b")),
        (1i64..9).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(prop::sample::select(&FIELDS[..]).prop_map(str::to_owned), inner, 0..14).prop_map(Value::from_iter),
        ]
    })
}

/// Often close to a real row, so that the deeper code is reached too.
fn row() -> impl Strategy<Value = Value> {
    let base = json!({"id": 1, "iid": 1, "title": "t", "state": "opened", "status": "success", "name": "n", "path_with_namespace": "a/b", "full_path": "a", "tag_name": "v1",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"});
    prop_oneof![
        value(),
        prop::collection::vec((prop::sample::select(&FIELDS[..]), value()), 0..4).prop_map(move |changes| {
            let mut row = base.clone();
            for (field, value) in changes {
                row[field] = value;
            }
            row
        }),
    ]
}

const LISTS: [(&str, &str); 10] = [
    ("projects", "group:a"),
    ("members", "group:a"),
    ("issues", "7"),
    ("merge_requests", "7"),
    ("pipelines", "7"),
    ("jobs", "7"),
    ("environments", "7"),
    ("deployments", "7"),
    ("releases", "7"),
    ("members", "project:a"),
];
const DETAILS: [&str; 4] = ["user_details", "merge_request_notes", "merge_request_approvals", "merge_request_commits"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn every_row_ends_as_a_record_or_a_dead_letter(row in row()) {
        let fixture = &*FIXTURE;
        *fixture.rows.lock().unwrap() = json!([row]);
        for (stream, partition) in LISTS {
            let page = fixture.runtime.block_on(fixture.connector.pull(PullRequest { stream, partition, cursor: None, window: None })).unwrap();
            prop_assert_eq!(page.records.len() + page.dead_letters.len(), 1, "{}", stream);
            prop_assert!(page.records.iter().all(|record| !format!("{:?}", record.entities).contains("\\0")), "a NUL would block the page's commit");
        }
        for stream in DETAILS {
            let found = fixture.runtime.block_on(fixture.connector.pull_detail(&detail(stream, "9", json!({"project": "7", "iid": 1})))).unwrap();
            prop_assert_eq!(found.records.len() + found.dead_letters.len(), 1, "{}", stream);
        }
    }
}

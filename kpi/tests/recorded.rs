//! Real GitLab responses, where they are at hand: `../shared/recorded` beside the checkout. They are read in place and never copied.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::HashMap, path::PathBuf};

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, MetricKey};
use ovia_kpi::{
    Facts, KpiSettings, MergeRequestFact, MergeRequestState, ReviewEventFact, ReviewEventKind, Scope, ScopeFilter, Snapshot, Window,
    WindowKind, compute_over,
};
use serde_json::Value;

fn objects(file: &str) -> Option<Vec<Value>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/recorded/gitlab").join(file);
    let text = std::fs::read_to_string(path).ok()?;
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    Some(
        rows.into_iter()
            .map(|row| match &row["data"] {
                Value::String(text) => serde_json::from_str(text).unwrap(),
                data => data.clone(),
            })
            .collect(),
    )
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str().map(|text| text.parse().unwrap())
}

/// The recorded merge requests, one per number, with their notes; `None` where the recordings are absent.
fn recorded() -> Option<Facts> {
    let connection = ConnectionId(uuid::Uuid::from_u128(1));
    let mut facts = Facts::default();
    let project = facts.project(connection, "12345678");
    let files = ["", "_for_mr_commit_test", "_for_mr_notes_test"].map(|suffix| format!("devlake_gitlab_api_merge_requests{suffix}.json"));
    let mut by_number: HashMap<i64, Value> = HashMap::new();
    for file in files {
        by_number.extend(objects(&file)?.into_iter().map(|row| (row["iid"].as_i64().unwrap(), row)));
    }
    for (number, row) in by_number {
        let author = facts.identity(connection, &row["author"]["id"].to_string());
        facts.merge_requests.push(MergeRequestFact {
            id: number,
            project,
            author: Some(author),
            author_is_bot: false,
            state: MergeRequestState::parse(row["state"].as_str().unwrap()),
            draft: row["work_in_progress"].as_bool().unwrap_or_default(),
            created_at: time(&row["created_at"]).unwrap(),
            updated_at: time(&row["updated_at"]),
            merged_at: time(&row["merged_at"]),
            closed_at: time(&row["closed_at"]),
            is_fork: false,
            is_hotfix: false,
            first_commit_at: None,
            head_sha: None,
            merge_sha: None,
            squash_sha: None,
            additions: None,
            deletions: None,
        });
    }
    for note in objects("devlake_gitlab_api_merge_request_notes.json")? {
        let approved = note["body"].as_str() == Some("approved this merge request");
        let by = facts.identity(connection, &note["author"]["id"].to_string());
        facts.review_events.push(ReviewEventFact {
            merge_request_id: note["noteable_iid"].as_i64().unwrap(),
            kind: ReviewEventKind::of_note(note["system"].as_bool().unwrap(), approved.then_some("approved")),
            by: Some(by),
            by_is_bot: false,
            at: time(&note["created_at"]).unwrap(),
        });
    }
    Some(facts)
}

fn organisation(facts: &Facts, metric: MetricKey, start: &str, end: &str) -> Snapshot {
    let window = Window { kind: WindowKind::Month, start: start.parse().unwrap(), end: end.parse().unwrap() };
    let mut snapshots = compute_over(facts, &KpiSettings::default(), window.end, &ScopeFilter::All, vec![window]);
    snapshots.retain(|snapshot| snapshot.metric == metric && snapshot.scope == Scope::Organisation);
    snapshots.remove(0)
}

#[test]
fn facts_of_the_recorded_project() {
    let Some(facts) = recorded() else {
        eprintln!("skipped: ../shared is absent");
        return;
    };
    assert_eq!(facts.merge_requests.len(), 24);
    let ever = |metric| organisation(&facts, metric, "2019-01-01T00:00:00Z", "2023-01-01T00:00:00Z");

    assert_eq!(ever(MetricKey::MergeThroughput).value, Some(12.0));
    let merge = ever(MetricKey::TimeToMerge);
    assert_eq!(format!("{:.3}", merge.value.unwrap()), "6.307");
    assert_eq!((merge.row_ids.len(), &merge.coverage["excluded_negative"]), (12, &0.into()));

    let review = ever(MetricKey::TimeToFirstReview);
    assert_eq!(review.coverage["excluded_before_creation"], 4, "approvals of 29, 30, 37 and 46");
    assert!([29, 30, 37, 46].iter().all(|number| !review.row_ids.contains(number)));

    // merge request 3, created 2019-08-15T19:34:32.706Z, was first reviewed 2019-08-26T12:14:39.003Z
    let third = organisation(&facts, MetricKey::TimeToFirstReview, "2019-08-26T12:14:39.003Z", "2019-08-26T12:14:39.004Z");
    assert_eq!(third.row_ids, [3]);
    assert!((third.value.unwrap() - 924_006.297 / 3600.0).abs() < 1e-6, "{:?}", third.value);
}

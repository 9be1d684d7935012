use serde_json::json;

use super::*;
use crate::testing::{stream, utc};

const NOW: &str = "2026-01-10T12:00:00Z";

fn book(streams: Vec<StreamFact>, checks: Vec<CheckFact>) -> NoteBook {
    NoteBook::new(InputFacts { streams, checks }, &KpiSettings::default(), Some(utc(NOW)), utc(NOW))
}

fn figure(metric: MetricKey, coverage: &Value) -> NotedFigure<'_> {
    let window_end = utc("2026-01-11T00:00:00Z");
    NotedFigure { metric, scope_kind: "organisation", scope_id: "", window_end, value: Some(1.0), row_count: 20, coverage }
}

fn codes(notes: &[Note]) -> Vec<&'static str> {
    notes.iter().map(|note| note.code).collect()
}

fn check(check: QualityCheck, table: &str) -> CheckFact {
    CheckFact {
        connection: stream("", None).connection,
        connection_name: "acme".into(),
        check,
        status: QualityStatus::Fail,
        table: table.into(),
        detail: "Something is wrong.".into(),
        since: Some(utc("2026-01-09T04:00:00Z")),
        checked_at: utc("2026-01-10T04:00:00Z"),
    }
}

#[test]
fn stale_streams_are_told_of_next_to_what_they_feed() {
    let hourly = |name: &str, at: &str| StreamFact { interval_seconds: Some(3600), ..stream(name, Some(at)) };
    let book = book(vec![hourly("merge_requests", "2026-01-10T08:30:00Z"), hourly("pipelines", "2026-01-10T09:00:00Z")], Vec::new());
    let notes = book.of(&figure(MetricKey::TimeToMerge, &Value::Null));
    assert_eq!(codes(&notes), ["stale_data"]);
    assert_eq!(
        notes[0].sentence,
        "Of acme, merge requests was last read to the end 3 hours ago; more than 3 syncs of its schedule have been due since."
    );
    assert_eq!((notes[0].severity, notes[0].since), (QualityStatus::Warn, Some(utc("2026-01-10T08:30:00Z"))));
    assert!(book.of(&figure(MetricKey::PipelineDuration, &Value::Null)).is_empty(), "exactly three are not more");
    assert!(book.of(&figure(MetricKey::CycleTime, &Value::Null)).is_empty(), "of another table");
    // what health is made of reads merge requests
    assert_eq!(codes(&book.of(&figure(MetricKey::DeliveryHealth, &Value::Null))), ["stale_data"]);
    let over = NotedFigure { window_end: utc("2026-01-10T00:00:00Z"), ..figure(MetricKey::TimeToMerge, &Value::Null) };
    assert!(book.of(&over).is_empty(), "the window was over when it was read");
    let none = NotedFigure { value: None, row_count: 0, ..figure(MetricKey::TimeToMerge, &Value::Null) };
    assert_eq!(codes(&book.of(&none)), ["stale_data"], "it may be why there is no data");
}

#[test]
fn twice_as_late_is_a_failure_and_never_is_said() {
    let of = |stream: StreamFact| book(vec![stream], Vec::new()).of(&figure(MetricKey::TimeToMerge, &Value::Null)).remove(0);
    let old = of(stream("merge_requests", Some("2026-01-04T11:00:00Z")));
    assert_eq!(old.severity, QualityStatus::Fail);
    assert!(old.sentence.ends_with("6 days ago; without a schedule, more than 3 days are late."), "{}", old.sentence);
    let never = of(stream("merge_requests", None));
    assert_eq!(never.sentence, "Of acme, merge requests was never read to the end.");
    let past = NotedFigure { window_end: utc("2025-01-01T00:00:00Z"), ..figure(MetricKey::TimeToMerge, &Value::Null) };
    let notes = book(vec![stream("merge_requests", None)], Vec::new()).of(&past);
    assert_eq!((codes(&notes), notes[0].severity), (vec!["stale_data"], QualityStatus::Warn), "its past is missing as well");
    let unsynced = of(StreamFact { stream: None, ..stream("", None) });
    assert_eq!(unsynced.sentence, "acme has not been synced yet.");
    let jira = StreamFact { stream: None, source: "jira".into(), ..stream("", None) };
    assert!(book(vec![jira], Vec::new()).of(&figure(MetricKey::TimeToMerge, &Value::Null)).is_empty());
}

#[test]
fn a_project_is_concerned_by_its_own_connection_only() {
    let book = book(vec![stream("merge_requests", None)], vec![check(QualityCheck::MergedBeforeCreated, "merge_requests")]);
    let of = |scope_kind: &'static str, scope_id: &str| {
        codes(&book.of(&NotedFigure { scope_kind, scope_id, ..figure(MetricKey::TimeToMerge, &Value::Null) }))
    };
    let own = format!("{}:10", stream("", None).connection);
    assert_eq!(of("project", &own), ["stale_data", "merged_before_created"]);
    assert!(of("project", "00000000-0000-4000-8000-000000000009:10").is_empty());
    for scope in ["team", "person", "organisation"] {
        assert_eq!(of(scope, "00000000-0000-4000-8000-000000000009").len(), 2, "{scope}");
    }
}

#[test]
fn checks_are_told_of_next_to_figures_that_read_what_is_wrong() {
    let of = |one: CheckFact, metric| codes(&book(Vec::new(), vec![one]).of(&figure(metric, &Value::Null)));
    assert_eq!(
        of(check(QualityCheck::DeploymentWithoutCommit, "deployments"), MetricKey::LeadTimeForChanges),
        ["deployment_without_commit"]
    );
    assert!(of(check(QualityCheck::DeploymentWithoutCommit, "deployments"), MetricKey::DeploymentFrequency).is_empty());
    assert_eq!(of(check(QualityCheck::SuddenDrop, "pipelines"), MetricKey::PipelineSuccessRate), ["sudden_drop"]);
    assert!(
        of(check(QualityCheck::Freshness, "pipelines"), MetricKey::PipelineSuccessRate).is_empty(),
        "streams are looked at as they are now"
    );
    assert_eq!(of(check(QualityCheck::DoneWithoutChangelog, "work_items"), MetricKey::ReleaseCompletion), ["done_without_changelog"]);
    assert!(of(check(QualityCheck::DoneWithoutChangelog, "work_items"), MetricKey::CycleTime).is_empty(), "its own share says more");
    let book = book(Vec::new(), vec![check(QualityCheck::SuddenDrop, "pipelines")]);
    let before = NotedFigure { window_end: utc("2026-01-01T00:00:00Z"), ..figure(MetricKey::PipelineDuration, &Value::Null) };
    assert!(book.of(&before).is_empty(), "of a time the check did not look at");
    let note = book.of(&figure(MetricKey::PipelineDuration, &Value::Null)).remove(0);
    assert_eq!((note.since, note.connection.map(|of| of.1)), (Some(utc("2026-01-09T04:00:00Z")), Some("acme".to_owned())));
}

#[test]
fn thin_data_is_told_of() {
    let book = book(Vec::new(), Vec::new());
    let rows = |metric, row_count| book.of(&NotedFigure { row_count, ..figure(metric, &Value::Null) });
    assert_eq!(rows(MetricKey::TimeToMerge, 4)[0].sentence, "4 rows are behind it: fewer than 5 say little about what is usual.");
    assert!(rows(MetricKey::TimeToMerge, 5).is_empty());
    assert_eq!(codes(&rows(MetricKey::PipelineSuccessRate, 1)), ["few_rows"]);
    assert!(rows(MetricKey::MergeThroughput, 1).is_empty(), "a count of one is one");
    let of = |metric, coverage: Value| codes(&book.of(&figure(metric, &coverage)));
    assert_eq!(of(MetricKey::LeadTimeForChanges, json!({"mapped_authors": 0.79, "linked_deployments": 0.8})), ["unmapped_authors"]);
    assert_eq!(of(MetricKey::CycleTime, json!({"mapped_authors": null, "complete_changelogs": 0.5})), ["incomplete_changelogs"]);
    assert_eq!(of(MetricKey::DeliveryHealth, json!({"missing_weight": 0.35})), ["missing_parts"]);
    assert!(of(MetricKey::DeliveryHealth, json!({"missing_weight": 0.2})).is_empty());
    let none = NotedFigure { value: None, row_count: 0, ..figure(MetricKey::TimeToMerge, &Value::Null) };
    assert!(book.of(&none).is_empty(), "no data is said already");
}

#[test]
fn thresholds_are_settings() {
    let settings = KpiSettings { min_rows: 0, min_coverage: 0.0, stale_after_syncs: 10, ..KpiSettings::default() };
    let streams = vec![stream("merge_requests", Some("2026-01-01T12:00:00Z"))];
    let book = NoteBook::new(InputFacts { streams, checks: Vec::new() }, &settings, Some(utc(NOW)), utc(NOW));
    let coverage = json!({"mapped_authors": 0.0});
    assert!(book.of(&NotedFigure { row_count: 1, ..figure(MetricKey::TimeToMerge, &coverage) }).is_empty());
}

#[test]
fn figures_that_were_not_computed_again_say_so() {
    let hourly = StreamFact { interval_seconds: Some(3600), ..stream("merge_requests", Some("2026-01-10T11:30:00Z")) };
    let of = |as_of: &str| {
        let inputs = InputFacts { streams: vec![hourly.clone()], checks: Vec::new() };
        let book = NoteBook::new(inputs, &KpiSettings::default(), Some(utc(as_of)), utc(NOW));
        book.of(&figure(MetricKey::TimeToMerge, &Value::Null))
    };
    assert!(of("2026-01-10T08:30:00Z").is_empty());
    let notes = of("2026-01-10T08:00:00Z");
    assert_eq!(notes[0].sentence, "The figures were computed 4 hours ago; what was read since then is not in them.");
    assert_eq!((codes(&notes), notes[0].since), (vec!["old_figures"], Some(utc("2026-01-10T08:00:00Z"))));
}

#[test]
fn names_and_times_in_words() {
    let names = |count: usize| listed(&["a", "b", "c", "d", "e"][..count].iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert_eq!([names(1), names(2), names(3), names(5)], ["a", "a and b", "a, b and c", "a, b, c and 2 more"]);
    assert_eq!(
        [1, 119, 120, 4319, 4320].map(|minutes| span(TimeDelta::minutes(minutes))),
        ["1 minute", "119 minutes", "2 hours", "71 hours", "3 days"]
    );
    assert_eq!(percent(0.799), "79 %");
}

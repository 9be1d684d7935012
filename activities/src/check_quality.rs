//! `ovia.check_quality`. Reads, grades, stores the run's results in one transaction; a second time replaces those of the first.

use chrono::{DateTime, Utc};
use ovia_domain::{
    OrgId, RunId,
    quality::{QUALITY_DAYS, QualityCheck, QualityStatus, StreamFact, drop_ratio, table_of_stream},
};
use ovia_kpi::syncs_due;
use ovia_store::{
    Store, StoreError,
    quality::{NewQualityResult, ShareRow, WeeksRow},
    runs::RunBegun,
};
use ovia_workflows::types::{OrgRun, StepOutcome};
use serde_json::json;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use uuid::Uuid;

use crate::{Activities, detect_risks::risk_settings, failure, pulse};

pub async fn check_quality(activities: &Activities, ctx: &ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
    let store = &activities.store;
    if store.run_begin(input.org_id, input.run_id, &[], &[]).await.map_err(failure::store)? == RunBegun::Stop {
        return Ok(StepOutcome::Cancelled);
    }
    let Some(checked) = pulse::with_pulse(ctx, check(store, input.org_id, input.run_id)).await else {
        return Err(ActivityError::cancelled());
    };
    checked.map_err(failure::store)?;
    Ok(StepOutcome::Done)
}

async fn check(store: &Store, org: OrgId, run: RunId) -> Result<(), StoreError> {
    // what an attempt has read is stored before another reads
    let _alone = store.org_lock(org, "check_quality").await?;
    let as_of = Utc::now();
    let tiers = risk_settings(store, org, as_of).await?.production_tiers;
    let streams = store.quality_freshness(org).await?;
    let mut results: Vec<NewQualityResult> = streams.iter().map(|stream| freshness(stream, as_of)).collect();
    results.extend(store.quality_shares(org, as_of, QUALITY_DAYS, &tiers).await?.into_iter().filter_map(share));
    results.extend(store.quality_weeks(org, as_of).await?.into_iter().filter_map(drop));
    // lists begin with what was stored last: what is wrong
    results.sort_by_key(|result| QualityStatus::parse(result.status));
    store.quality_results_put(org, run, &results).await?;
    let count = |status: QualityStatus| results.iter().filter(|result| result.status == status.as_str()).count();
    let found = json!({"pass": count(QualityStatus::Pass), "warn": count(QualityStatus::Warn), "fail": count(QualityStatus::Fail)});
    store.run_result_merge(org, run, &json!({"quality": found})).await
}

fn graded(check: QualityCheck, connection_id: Uuid, (scope, table): (String, String), value: f64, detail: String) -> NewQualityResult {
    let definition = check.definition();
    NewQualityResult {
        check_key: check.as_str(),
        connection_id,
        scope,
        subject_table: table,
        status: check.grade(value).as_str(),
        value,
        unit: definition.unit,
        warn_beyond: definition.warn,
        fail_beyond: definition.fail,
        row_count: None,
        sample_row_ids: Vec::new(),
        detail,
    }
}

/// How many syncs of the schedule have been due since the stream was last read to its end, or since its connection is there.
fn freshness(stream: &StreamFact, as_of: DateTime<Utc>) -> NewQualityResult {
    let since = stream.last_success_at.unwrap_or(stream.created_at);
    let hours = (as_of - since).num_seconds().max(0) as f64 / 3600.0;
    let name = stream.stream.clone().unwrap_or_default();
    let detail = match stream.last_success_at {
        Some(_) => format!("{name} of {} was last read to its end {hours:.1} hours ago.", stream.connection_name),
        None => format!("{name} of {} was never read to its end.", stream.connection_name),
    };
    let table = table_of_stream(&stream.source, &name);
    graded(QualityCheck::Freshness, stream.connection.0, (name, table), syncs_due(stream, since, as_of), detail)
}

fn share(row: ShareRow) -> Option<NewQualityResult> {
    let check = QualityCheck::parse(&row.check_key)?;
    let (total, bad) = (row.total, row.bad);
    let detail = format!("{}: {bad} of {total} in {}.", check.definition().words, row.connection_name);
    let of = (row.subject_table.clone(), row.subject_table);
    let result = graded(check, row.connection_id, of, bad as f64 / total as f64, capitalised(&detail));
    Some(NewQualityResult { row_count: Some(total), sample_row_ids: row.samples, ..result })
}

fn drop(row: WeeksRow) -> Option<NewQualityResult> {
    let (last, before) = row.weeks.split_first()?;
    let ratio = drop_ratio(*last, before)?;
    let detail = format!(
        "{last} {} were created in {} in the last 7 days; in the weeks before {}.",
        row.subject_table.replace('_', " "),
        row.connection_name,
        before.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
    );
    let of = (row.subject_table.clone(), row.subject_table);
    let result = graded(QualityCheck::SuddenDrop, row.connection_id, of, ratio, detail);
    Some(NewQualityResult { row_count: Some(row.weeks.iter().sum()), ..result })
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn stream(last: Option<&str>, interval: Option<i64>, cron: Option<&str>) -> StreamFact {
        StreamFact {
            connection: ovia_domain::ConnectionId(Uuid::nil()),
            connection_name: "acme".into(),
            source: "jira".into(),
            stream: Some("issues".into()),
            last_success_at: last.map(at),
            created_at: at("2026-01-01T00:00:00Z"),
            interval_seconds: interval,
            cron: cron.map(str::to_owned),
            time_zone: None,
        }
    }

    #[test]
    fn freshness_is_measured_in_intervals() {
        let now = at("2026-01-10T12:00:00Z");
        let hour = freshness(&stream(Some("2026-01-10T09:00:00Z"), Some(3600), None), now);
        assert_eq!((hour.value, hour.status, hour.subject_table.as_str()), (3.0, "warn", "work_items"));
        assert_eq!(hour.detail, "issues of acme was last read to its end 3.0 hours ago.");
        let unscheduled = freshness(&stream(Some("2026-01-10T09:00:00Z"), None, None), now);
        assert_eq!((unscheduled.value, unscheduled.status), (0.125, "pass"));
        let never = freshness(&stream(None, None, None), now);
        assert_eq!((never.value, never.status, never.detail.as_str()), (9.5, "fail", "issues of acme was never read to its end."));
        let later = freshness(&stream(Some("2026-01-11T00:00:00Z"), None, None), now);
        assert_eq!(later.value, 0.0, "as of an earlier time");
    }

    #[test]
    fn nights_and_weekends_of_a_cron_are_no_lateness() {
        let of = |cron: &str, now: &str| freshness(&stream(Some("2026-01-09T17:45:00Z"), None, Some(cron)), at(now));
        let monday = of("*/15 8-17 * * 1-5", "2026-01-12T08:20:00Z");
        assert_eq!((monday.value, monday.status), (2.0, "pass"));
        assert_eq!(of("*/15 8-17 * * 1-5", "2026-01-12T08:30:00Z").status, "warn");
    }

    #[test]
    fn shares_and_drops_are_graded_with_what_was_looked_at() {
        let row = ShareRow {
            check_key: "unmapped_authors".into(),
            subject_table: "merge_requests".into(),
            connection_id: Uuid::nil(),
            connection_name: "acme".into(),
            total: 8,
            bad: 2,
            samples: vec![4, 7],
        };
        let result = share(row).unwrap_or_else(|| panic!("no result"));
        assert_eq!((result.value, result.status, result.row_count, result.sample_row_ids), (0.25, "warn", Some(8), vec![4, 7]));
        assert!(result.detail.ends_with(": 2 of 8 in acme."), "{}", result.detail);
        let weeks = |weeks: &[i64]| WeeksRow {
            connection_id: Uuid::nil(),
            connection_name: "acme".into(),
            subject_table: "work_items".into(),
            weeks: weeks.to_vec(),
        };
        assert!(drop(weeks(&[0, 3, 3, 3, 3])).is_none(), "too few to say anything");
        let dropped = drop(weeks(&[4, 20, 20, 20, 20])).unwrap_or_else(|| panic!("no result"));
        assert_eq!((dropped.value, dropped.status), (0.2, "warn"));
        assert_eq!(dropped.detail, "4 work items were created in acme in the last 7 days; in the weeks before 20, 20, 20, 20.");
    }
}

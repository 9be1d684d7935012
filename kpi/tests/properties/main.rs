//! Properties over random companies: the answers equal a slow, literal reading of the definitions, add up over projects, stay between the
//! extremes, and do not depend on the order of rows.

mod company;
mod oracle;

use std::collections::HashMap;

use ovia_domain::MetricKey;
use ovia_kpi::{Facts, KpiSettings, Scope, Snapshot, compute_all, percentile};
use proptest::prelude::*;

use company::{as_of, facts};

fn sorted(mut snapshots: Vec<Snapshot>) -> Vec<Snapshot> {
    snapshots.sort_by(|a, b| (a.metric, &a.scope, a.window).cmp(&(b.metric, &b.scope, b.window)));
    snapshots
}

fn reversed(facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    facts.merge_requests.reverse();
    facts.review_events.reverse();
    facts.pipelines.reverse();
    facts.deployments.reverse();
    facts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equals_the_literal_reading(facts in facts(), as_of in as_of()) {
        for snapshot in compute_all(&facts, &KpiSettings::default(), as_of) {
            let (value, row_ids) = oracle::answer(&facts, &snapshot, as_of);
            let context = format!("{} {:?} {:?}", snapshot.metric, snapshot.scope, snapshot.window);
            prop_assert_eq!(snapshot.value.is_some(), value.is_some(), "{}: {:?} {:?}", &context, snapshot.value, value);
            if let (Some(found), Some(expected)) = (snapshot.value, value) {
                prop_assert!((found - expected).abs() < 1e-9, "{}: {} {}", &context, found, expected);
                prop_assert_eq!(&snapshot.row_ids, &row_ids, "{}", &context);
            } else {
                prop_assert!(snapshot.row_ids.is_empty());
                prop_assert!(snapshot.stats.is_empty());
            }
        }
    }

    #[test]
    fn order_of_rows_makes_no_difference(facts in facts(), as_of in as_of()) {
        prop_assert_eq!(compute_all(&facts, &KpiSettings::default(), as_of), compute_all(&reversed(&facts), &KpiSettings::default(), as_of));
    }

    #[test]
    fn projects_add_up_to_the_organisation(mut facts in facts(), as_of in as_of()) {
        // a merge before the project's first creation has no data there, but counts for the organisation
        facts.merge_requests.retain(|row| row.created_at < as_of && row.merged_at.is_none_or(|at| at > row.created_at));
        let mut sums: HashMap<_, (usize, u64)> = HashMap::new();
        let (organisation, projects): (Vec<_>, Vec<_>) = compute_all(&facts, &KpiSettings::default(), as_of).into_iter().partition(|snapshot| snapshot.scope == Scope::Organisation);
        let bots = |snapshot: &Snapshot| snapshot.coverage.get("excluded_bots").and_then(serde_json::Value::as_u64).unwrap_or_default();
        for snapshot in &projects {
            let sum = sums.entry((snapshot.metric, snapshot.window)).or_default();
            *sum = (sum.0 + snapshot.row_ids.len(), sum.1 + bots(snapshot));
        }
        for snapshot in &organisation {
            let sum = sums.get(&(snapshot.metric, snapshot.window)).copied().unwrap_or_default();
            prop_assert_eq!((snapshot.row_ids.len(), bots(snapshot)), sum, "{} {:?}", snapshot.metric, snapshot.window);
        }
    }

    #[test]
    fn counts_are_their_rows_and_ratios_are_ratios(facts in facts(), as_of in as_of()) {
        for snapshot in sorted(compute_all(&facts, &KpiSettings::default(), as_of)) {
            let Some(value) = snapshot.value else { continue };
            match snapshot.metric {
                MetricKey::MergeThroughput | MetricKey::StaleMergeRequests => prop_assert_eq!(value, snapshot.row_ids.len() as f64),
                MetricKey::PipelineSuccessRate => prop_assert!((0.0..=1.0).contains(&value)),
                MetricKey::DeploymentFrequency | MetricKey::TimeToMerge | MetricKey::TimeToFirstReview => prop_assert!(value >= 0.0),
            }
            prop_assert_eq!(&snapshot.coverage["rows"], &serde_json::json!(snapshot.row_ids.len()));
        }
    }

    #[test]
    fn percentiles_rise_and_stay_between_the_extremes(mut values in prop::collection::vec(-1e6..1e6f64, 1..60), p in 0.0..=1.0f64, q in 0.0..=1.0f64) {
        values.sort_by(f64::total_cmp);
        let (low, high) = (percentile(&values, p.min(q)), percentile(&values, p.max(q)));
        prop_assert!(low <= high);
        prop_assert!(percentile(&values, 0.0) <= low && high <= percentile(&values, 1.0));
        prop_assert_eq!((percentile(&values, 0.0), percentile(&values, 1.0)), (values.first().copied(), values.last().copied()));
    }
}

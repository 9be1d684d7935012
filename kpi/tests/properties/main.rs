//! Properties over random companies: the answers equal a slow, literal reading of the definitions, add up over projects, stay between the
//! extremes, and do not depend on the order of rows.
#![expect(clippy::unwrap_used, reason = "tests")]

mod company;
mod oracle;
mod work_oracle;

use std::collections::{BTreeSet, HashMap};

use ovia_domain::{Aggregate, MetricKey};
use ovia_kpi::{Facts, KpiSettings, Scope, ScopeFilter, Snapshot, compute_all, compute_over, metric, percentile, windows};
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
    facts.work_items.reverse();
    facts.work_item_transitions.reverse();
    facts.releases.reverse();
    facts.release_items.reverse();
    facts.item_merge_requests.reverse();
    facts.team_memberships.reverse();
    facts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equals_the_literal_reading(facts in facts(), as_of in as_of()) {
        for snapshot in compute_all(&facts, &KpiSettings::default(), as_of) {
            let Some((value, mut row_ids)) = oracle::answer(&facts, &snapshot, as_of) else { continue };
            row_ids.sort_unstable();
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
        // what ends before the project's first creation has no data there, but counts for the organisation
        facts.merge_requests.retain(|row| row.created_at < as_of && row.merged_at.is_none_or(|at| at > row.created_at));
        facts.work_items.retain(|row| row.created_at < as_of && row.resolved_at.is_none_or(|at| at > row.created_at));
        let filter = [Some(Scope::Organisation)].into_iter().chain(facts.project_ids().map(|id| Some(Scope::Project(id.to_owned())))).flatten().collect();
        let all = windows::covering(facts.earliest().unwrap_or(as_of), as_of, chrono_tz::Tz::UTC);
        let snapshots = compute_over(&facts, &KpiSettings::default(), as_of, &ScopeFilter::Only(filter), all);
        let mut sums: HashMap<_, (usize, u64)> = HashMap::new();
        let (organisation, projects): (Vec<_>, Vec<_>) = snapshots.into_iter().partition(|snapshot| snapshot.scope == Scope::Organisation);
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

    /// What a drill-down shows makes the figure.
    #[test]
    fn rows_make_the_figure(facts in facts(), as_of in as_of()) {
        for snapshot in sorted(compute_all(&facts, &KpiSettings::default(), as_of)) {
            prop_assert_eq!(&snapshot.coverage["rows"], &serde_json::json!(snapshot.row_ids.len()));
            prop_assert_eq!(snapshot.row_ids.len(), snapshot.row_values.len());
            prop_assert!(snapshot.row_ids.is_sorted());
            let Some(value) = snapshot.value else {
                prop_assert!(snapshot.row_ids.is_empty() && snapshot.stats.is_empty(), "no data has no rows and no figures");
                continue;
            };
            let mut values = snapshot.row_values.clone();
            values.sort_by(f64::total_cmp);
            let sum: f64 = values.iter().sum();
            let made = match metric(snapshot.metric).definition.aggregate {
                Aggregate::Sum => sum,
                Aggregate::Mean => sum / values.len() as f64,
                Aggregate::Median => percentile(&mut values, 0.5).unwrap_or(f64::NAN),
                Aggregate::Maximum => values.last().copied().unwrap_or(f64::NAN),
                Aggregate::Composite => snapshot.stats["parts"].as_array().into_iter().flatten().filter_map(|part| part["contribution"].as_f64()).sum(),
            };
            prop_assert!((made - value).abs() < 1e-9, "{} {:?}: {} is not {}", snapshot.metric, snapshot.window, made, value);
            match metric(snapshot.metric).definition.unit {
                "ratio" if snapshot.metric != MetricKey::ReleaseScopeChange => prop_assert!((0.0..=1.0).contains(&value)),
                "score" => prop_assert!((0.0..=100.0 + 1e-9).contains(&value)),
                _ => prop_assert!(value >= 0.0),
            }
        }
    }

    /// Day by day, scope by scope, whatever is asked for: the same answers as all at once.
    #[test]
    fn a_part_is_the_same_as_in_the_whole(facts in facts(), as_of in as_of(), zone in 0..4usize, pick in 0..7usize) {
        let zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];
        let settings = KpiSettings { time_zone: zones[zone].to_owned(), ..KpiSettings::default() };
        let whole = compute_all(&facts, &settings, as_of);
        let asked: Vec<Scope> = whole.iter().map(|snapshot| snapshot.scope.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        let scope = asked[pick % asked.len()].clone();
        let all = windows::covering(facts.earliest().unwrap_or(as_of), as_of, settings.tz());
        let filter = ScopeFilter::Only(BTreeSet::from([scope.clone()]));
        let mut parts = Vec::new();
        for some in all.chunks(40) {
            parts.extend(compute_over(&facts, &settings, as_of, &filter, some.to_vec()));
        }
        let expected: Vec<Snapshot> = whole.into_iter().filter(|snapshot| snapshot.scope == scope).collect();
        prop_assert_eq!(sorted(parts), sorted(expected));
    }

    /// A change of rows touches no window but those said to be affected, and the incremental answer is the full one.
    #[test]
    fn incremental_equals_full(before in facts(), as_of in as_of(), id in 0..8i64, moved in 1..200i64) {
        let settings = KpiSettings::default();
        let mut after = before.clone();
        let Some(row) = after.pipelines.iter_mut().find(|row| row.id == id) else { return Ok(()) };
        let Some(old) = row.at() else { return Ok(()) };
        let new = old + chrono::TimeDelta::hours(moved);
        (row.finished_at, row.updated_at) = (Some(new), Some(new));
        let all = windows::covering(before.earliest().unwrap_or(as_of).min(old), as_of, settings.tz());
        let touched: Vec<_> = windows::affected(&all, old, new + chrono::TimeDelta::days(30));
        let full = compute_over(&after, &settings, as_of, &ScopeFilter::All, all.clone());
        let mut kept = compute_over(&before, &settings, as_of, &ScopeFilter::All, all);
        kept.retain(|snapshot| !touched.contains(&snapshot.window));
        kept.extend(compute_over(&after, &settings, as_of, &ScopeFilter::All, touched));
        prop_assert_eq!(sorted(kept), sorted(full));
    }

    /// Windows of a kind follow each other without gap or overlap, begin at midnight of their zone, and cover the present. Clocks are changed by
    /// up to four hours (bases in Antarctica).
    #[test]
    fn windows_tile_the_time(from in 0..700i64, days in 0..500i64, zone in 0..chrono_tz::TZ_VARIANTS.len()) {
        let tz = chrono_tz::TZ_VARIANTS[zone];
        let earliest = chrono::DateTime::from_timestamp(1_600_000_000, 0).unwrap_or_default() + chrono::TimeDelta::hours(from * 24);
        let as_of = earliest + chrono::TimeDelta::hours(days * 23);
        let all = windows::covering(earliest, as_of, tz);
        for kind in ovia_kpi::WindowKind::ALL {
            let of_kind: Vec<_> = all.iter().filter(|window| window.kind == kind).collect();
            prop_assert!(of_kind.last().is_some_and(|window| window.contains(as_of)));
            prop_assert!(of_kind.windows(2).all(|pair| pair[0].end == pair[1].start));
            prop_assert!(of_kind.len() == kind.kept() || of_kind.first().is_some_and(|window| window.start <= earliest));
            for window in of_kind {
                let day = ovia_kpi::Calendar::new(tz).date(window.start);
                prop_assert_eq!(ovia_kpi::Calendar::new(tz).midnight(day), window.start);
                prop_assert!(ovia_kpi::Calendar::new(tz).date(window.start - chrono::TimeDelta::microseconds(1)) < day);
                let hours = (window.end - window.start).num_minutes() as f64 / 60.0;
                let days = ovia_kpi::Calendar::new(tz).days(window, as_of + chrono::TimeDelta::days(99)) as f64;
                prop_assert!((hours - days * 24.0).abs() <= 4.0, "{:?}: {} hours, {} days", window, hours, days);
            }
        }
    }

    #[test]
    fn percentiles_rise_and_stay_between_the_extremes(mut values in prop::collection::vec(-1e6..1e6f64, 1..60), p in 0.0..=1.0f64, q in 0.0..=1.0f64) {
        let mut quantile = |p| percentile(&mut values, p);
        let (low, high) = (quantile(p.min(q)), quantile(p.max(q)));
        prop_assert!(low <= high);
        let (least, greatest) = (quantile(0.0), quantile(1.0));
        prop_assert!(least <= low && high <= greatest);
        values.sort_by(f64::total_cmp);
        prop_assert_eq!((least, greatest), (values.first().copied(), values.last().copied()));
        // as the definition says it
        let position = (values.len() - 1) as f64 * p;
        let (below, above) = (values[position.floor() as usize], values[position.ceil() as usize]);
        let expected = below + (above - below) * position.fract();
        prop_assert!((percentile(&mut values, p).unwrap_or(f64::NAN) - expected).abs() < 1e-6);
    }
}

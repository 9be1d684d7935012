//! Which projects a report shows: of an organisation with hundreds a page of all of them is read by nobody, and taken by few receivers.

use std::collections::{HashMap, HashSet};

use ovia_store::reports::SeriesRow;

/// Projects that are shown; of more, those whose figures moved most.
pub const PROJECTS_MAX: usize = 10;

/// Leaves the organisation's series and those of the `max` projects whose figures changed most between the last two windows, in their
/// order. Answers how many projects were left out.
pub fn most_changed(series: Vec<SeriesRow>, max: usize) -> (Vec<SeriesRow>, usize) {
    let mut changes: HashMap<&str, f64> = HashMap::new();
    for one in series.iter().filter(|one| one.project.is_some()) {
        *changes.entry(&one.scope_id).or_default() += change(&one.values);
    }
    let mut order: Vec<(&str, f64)> = changes.into_iter().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    let left_out: HashSet<String> = order.iter().skip(max).map(|(scope, _)| (*scope).to_owned()).collect();
    let shown = series.into_iter().filter(|one| !left_out.contains(&one.scope_id)).collect();
    (shown, left_out.len())
}

/// How far the last value is from the one before, as a share of the greater: 0 (the same, or nothing to compare) to 2 (of the other sign).
fn change(values: &[Option<f64>]) -> f64 {
    match values {
        [.., Some(before), Some(now)] if before != now => (now - before).abs() / before.abs().max(now.abs()),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(project: Option<&str>, metric: &str, values: &[Option<f64>]) -> SeriesRow {
        SeriesRow {
            metric: metric.into(),
            scope_id: project.unwrap_or_default().into(),
            project: project.map(str::to_owned),
            unit: "count".into(),
            starts: Vec::new(),
            values: values.to_vec(),
            end: chrono::DateTime::UNIX_EPOCH,
            row_count: 0,
            coverage: serde_json::Value::Null,
        }
    }

    #[test]
    fn the_projects_that_moved_most_are_shown() {
        let all = vec![
            series(None, "a", &[Some(1.0), Some(1.0)]),
            series(Some("calm"), "a", &[Some(9.0), Some(100.0), Some(101.0)]),
            series(Some("both"), "a", &[Some(10.0), Some(15.0)]),
            series(Some("both"), "b", &[Some(10.0), Some(5.0)]),
            series(Some("new"), "a", &[None, Some(5.0)]),
            series(Some("risen"), "a", &[Some(0.0), Some(3.0)]),
        ];
        let names = |series: &[SeriesRow]| series.iter().map(|one| (one.scope_id.clone(), one.metric.clone())).collect::<Vec<_>>();
        let (shown, left_out) = most_changed(all.clone(), 2);
        let of = |scope: &str, metric: &str| (scope.to_owned(), metric.to_owned());
        assert_eq!((names(&shown), left_out), (vec![of("", "a"), of("both", "a"), of("both", "b"), of("risen", "a")], 2));
        assert_eq!(most_changed(all.clone(), 0).0.len(), 1, "the organisation is always shown");
        assert_eq!(most_changed(all.clone(), 4), (all, 0));
    }
}

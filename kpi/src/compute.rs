//! From facts to snapshots: every metric of the registry, for every scope and window.

use chrono::{DateTime, Utc};

use crate::{Facts, KpiSettings, MetricEntry, REGISTRY, Scope, ScopeFilter, Snapshot, Window, inputs::Inputs, snapshot::Figure, windows};

/// A snapshot per metric, scope (organisation, every interned project, team and person) and window from the first fact to `as_of`. The
/// order of the facts makes no difference.
pub fn compute_all(facts: &Facts, settings: &KpiSettings, as_of: DateTime<Utc>) -> Vec<Snapshot> {
    let windows = windows::covering(facts.earliest().unwrap_or(as_of), as_of, settings.tz());
    compute_over(facts, settings, as_of, &ScopeFilter::All, windows)
}

/// Exactly what [`compute_all`] says of these scopes and windows: a figure depends on the facts, its scope and its window only.
pub fn compute_over(
    facts: &Facts,
    settings: &KpiSettings,
    as_of: DateTime<Utc>,
    scopes: &ScopeFilter,
    windows: Vec<Window>,
) -> Vec<Snapshot> {
    let mut snapshots = Vec::new();
    compute_each(facts, settings, as_of, scopes, windows, |snapshot| snapshots.push(snapshot));
    snapshots
}

/// As [`compute_over`], but hands out each snapshot as soon as it is known, and holds none: metric by metric, then scope by scope, windows
/// ascending.
pub fn compute_each(
    facts: &Facts,
    settings: &KpiSettings,
    as_of: DateTime<Utc>,
    scopes: &ScopeFilter,
    mut windows: Vec<Window>,
    mut sink: impl FnMut(Snapshot),
) {
    windows.sort_unstable();
    windows.dedup();
    let inputs = Inputs::new(facts, settings, as_of, scopes);
    for entry in REGISTRY {
        let measure = (entry.prepare)(&inputs);
        for (index, scope) in inputs.scopes.wanted() {
            for window in &windows {
                sink(snapshot(entry, scope, *window, measure.figure(index, window), as_of));
            }
        }
    }
}

fn snapshot(entry: &MetricEntry, scope: &Scope, window: Window, figure: Figure, as_of: DateTime<Utc>) -> Snapshot {
    let figure = figure.covering("partial", window.is_partial(as_of));
    let (row_ids, row_values) = figure.rows.into_iter().unzip();
    Snapshot {
        metric: entry.definition.key,
        definition_version: entry.definition.version,
        scope: scope.clone(),
        window,
        value: figure.value,
        unit: entry.definition.unit,
        stats: figure.stats,
        coverage: figure.coverage,
        row_table: entry.row_table,
        row_ids,
        row_values,
    }
}

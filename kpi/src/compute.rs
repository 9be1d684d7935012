//! From facts to snapshots: every metric of the registry, for every scope and window.

use chrono::{DateTime, Utc};

use crate::{Facts, KpiSettings, REGISTRY, Scope, Snapshot, Window, grid::Inputs, windows};

/// A snapshot per metric, scope (organisation and every interned project) and window from the first fact to `as_of`. The order of the
/// facts makes no difference.
pub fn compute_all(facts: &Facts, settings: &KpiSettings, as_of: DateTime<Utc>) -> Vec<Snapshot> {
    compute_over(facts, settings, as_of, windows::covering(facts.earliest().unwrap_or(as_of), as_of))
}

/// As [`compute_all`], for `windows` only. Windows of one kind may overlap if none lies within another.
pub fn compute_over(facts: &Facts, settings: &KpiSettings, as_of: DateTime<Utc>, windows: Vec<Window>) -> Vec<Snapshot> {
    let inputs = Inputs::new(facts, settings, as_of, windows);
    let scopes: Vec<Scope> =
        std::iter::once(Scope::Organisation).chain(facts.project_ids().map(|id| Scope::Project(id.to_owned()))).collect();
    let mut snapshots = Vec::with_capacity(REGISTRY.len() * scopes.len() * inputs.windows.as_slice().len());
    for entry in REGISTRY {
        let places = scopes.iter().flat_map(|scope| inputs.windows.as_slice().iter().map(move |window| (scope, *window)));
        snapshots.extend((entry.compute)(&inputs).into_iter().zip(places).map(|(figure, (scope, window))| {
            let figure = figure.covering("partial", window.is_partial(as_of));
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
                row_ids: figure.row_ids,
            }
        }));
    }
    snapshots
}

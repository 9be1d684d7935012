//! From facts to snapshots: every metric of the registry, for every scope and window.

use std::{
    num::NonZeroUsize,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use chrono::{DateTime, Utc};

use ovia_domain::MetricKey;

use crate::{DatedRow, Draft, Facts, KpiSettings, Measures, REGISTRY, ScopeFilter, Snapshot, Window, inputs::Inputs, windows};

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
        // of each metric alone what it needs, so that no more than one is held
        let measures = Measures::new(&inputs);
        let measure = measures.of(entry.definition.key);
        for (index, scope) in inputs.scopes.wanted() {
            for window in &windows {
                let figure = measure.figure(index, window);
                sink(Draft::new(entry.definition.key, scope, *window, figure, as_of).finish());
            }
        }
    }
}

/// Is given what came of the facts of a metric of [`crate::DATED`], in the order of time; not what was known already.
pub type KeepRows<'a> = dyn Fn(MetricKey, Vec<DatedRow>) + Sync + 'a;

/// As [`compute_over`] for one batch of windows after the other, from facts that are prepared once, with `threads` at work. `keep` makes of
/// a figure what is wanted of it; `sink` is given each batch, in the order of the registry, and says whether to go on. `keep_rows` is called
/// before the first batch is given away, once for each metric.
#[allow(clippy::too_many_arguments, reason = "what figures depend on, and what becomes of them")]
pub fn compute_batches<T: Send>(
    facts: &Facts,
    settings: &KpiSettings,
    as_of: DateTime<Utc>,
    scopes: &ScopeFilter,
    batches: &[Vec<Window>],
    threads: NonZeroUsize,
    keep_rows: Option<&KeepRows<'_>>,
    keep: impl Fn(Draft<'_>) -> Option<T> + Sync,
    mut sink: impl FnMut(Vec<T>) -> bool,
) {
    let inputs = Inputs::new(facts, settings, as_of, scopes).keeping(keep_rows);
    let measures = Measures::new(&inputs);
    for windows in batches {
        let next = AtomicUsize::new(0);
        let done: Vec<Mutex<Vec<T>>> = REGISTRY.iter().map(|_| Mutex::new(Vec::new())).collect();
        let work = || {
            while let Some(entry) = REGISTRY.get(next.fetch_add(1, Ordering::Relaxed)) {
                let measure = measures.of(entry.definition.key);
                let of_scope = |(index, scope)| windows.iter().map(move |window| (index, scope, *window));
                let figures = inputs.scopes.wanted().flat_map(of_scope);
                let made: Vec<T> = figures
                    .filter_map(|(index, scope, window)| {
                        keep(Draft::new(entry.definition.key, scope, window, measure.figure(index, &window), as_of))
                    })
                    .collect();
                *done[entry.definition.key as usize].lock().unwrap_or_else(PoisonError::into_inner) = made;
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads.get() {
                scope.spawn(work);
            }
            work();
        });
        let made = done.into_iter().flat_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
        if !sink(made) {
            return;
        }
    }
}

//! From the facts of a stretch to the snapshots of its batches, on threads of their own.

use std::{
    collections::{BTreeSet, HashMap},
    num::NonZeroUsize,
};

use chrono::{DateTime, Utc};
use ovia_domain::MetricKey;
use ovia_kpi::{DatedRow, Draft, Facts, FirstOf, KeepRows, KpiSettings, RowsOf, Scope, ScopeFilter, Window, WindowKind, compute_batches};
use ovia_store::kpi::write::NewSnapshot;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::day_rows::Names;

/// More threads than that would keep more in memory and find PostgreSQL at its limit.
const THREADS: usize = 4;

/// What figures are told with.
#[derive(Clone)]
pub(super) struct How {
    pub(super) settings: KpiSettings,
    pub(super) as_of: DateTime<Utc>,
    pub(super) scopes: ScopeFilter,
    /// The time of the first row: windows before it have no figures.
    pub(super) first: DateTime<Utc>,
    /// Where the days' own windows begin.
    pub(super) days_from: DateTime<Utc>,
    /// Since when counts of a scope are told, even if they are 0.
    pub(super) since: HashMap<(MetricKey, Scope), DateTime<Utc>>,
    /// When the day that is going on ends.
    pub(super) today_ends: DateTime<Utc>,
    /// Of a range, when the days that are computed end: others may be older than the windows that hold them.
    pub(super) day_ends: Option<BTreeSet<DateTime<Utc>>>,
}

/// Of the first rows of scopes what [`How::since`] needs.
pub(super) fn told_since(firsts: Vec<(FirstOf, Scope, DateTime<Utc>)>) -> HashMap<(MetricKey, Scope), DateTime<Utc>> {
    let metric = |of| COUNTS.into_iter().find(|count| count.1 == of).map(|count| count.0);
    firsts.into_iter().filter_map(|(of, scope, at)| Some(((metric(of)?, scope), at))).collect()
}

impl How {
    fn is_told_since(&self, metric: MetricKey, scope: &Scope, start: DateTime<Utc>) -> bool {
        let told = || self.since.get(&(metric, scope.clone())).is_some_and(|since| *since < start);
        COUNTS.iter().all(|count| count.0 != metric) || told()
    }

    /// Whether the last day of a window, or the one that is going on, is computed with it.
    fn has_last_day_of(&self, window: &Window) -> bool {
        self.day_ends.as_ref().is_none_or(|ends| ends.contains(&window.end.min(self.today_ends)))
    }
}

/// What comes of the facts of a stretch.
pub(super) enum Made {
    /// The rows of a metric by day, to be kept.
    Rows(MetricKey, Vec<(DateTime<Utc>, Vec<u8>)>),
    /// The figures of the next batch.
    Figures(Vec<NewSnapshot>),
}

/// Computes one batch after the other; the next one while the one before is being stored, and no further ahead. Before the first come the rows
/// of the days that are to be kept.
pub(super) fn batches(
    facts: Facts,
    how: How,
    batches: Vec<Vec<Window>>,
    days: Vec<(DateTime<Utc>, DateTime<Utc>)>,
) -> mpsc::Receiver<Made> {
    let (send, receive) = mpsc::channel(1);
    // off the async threads: seconds of arithmetic must not stop heartbeats
    tokio::task::spawn_blocking(move || {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS);
        let threads = NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN);
        // no data needs no row
        let told = |draft: &Draft<'_>| (draft.value().is_some() || draft.row_count() > 0) && draft.window.end > how.first;
        let keep = |draft: Draft<'_>| told(&draft).then(|| new_snapshot(draft, &how));
        let sink = |snapshots| send.blocking_send(Made::Figures(snapshots)).is_ok();
        let names = Names::of(&facts);
        let keep_rows = |metric, rows: Vec<DatedRow>| {
            // whoever does not listen any more is told by the sink
            let _ = names.written(&rows, &days).map(|rows| send.blocking_send(Made::Rows(metric, rows)));
        };
        let keep_rows: Option<&KeepRows<'_>> = if days.is_empty() { None } else { Some(&keep_rows) };
        compute_batches(&facts, &how.settings, how.as_of, &how.scopes, &batches, threads, keep_rows, keep, sink);
    });
    receive
}

/// Metrics that have no data for a day before their scope's first row was filed, though a row may count there: a window that begins
/// before that keeps its rows itself.
const COUNTS: [(MetricKey, FirstOf); 2] = [(MetricKey::MergeThroughput, FirstOf::MergeRequest), (MetricKey::Throughput, FirstOf::WorkItem)];

fn new_snapshot(draft: Draft<'_>, how: &How) -> NewSnapshot {
    let window = draft.window;
    let in_days = match ovia_kpi::metric(draft.metric).rows_of {
        RowsOf::Days => true,
        RowsOf::LastDay => how.has_last_day_of(&window),
        RowsOf::Window => false,
    };
    let of_days = in_days
        && window.kind != WindowKind::Day
        && window.start >= how.days_from
        && how.is_told_since(draft.metric, draft.scope, window.start);
    let row_count = i32::try_from(draft.row_count()).unwrap_or(i32::MAX);
    let snapshot = if of_days { draft.without_rows() } else { draft.finish() };
    let mut new = NewSnapshot {
        metric: snapshot.metric.as_str(),
        definition_version: snapshot.definition_version,
        scope_kind: snapshot.scope.kind(),
        scope_id: snapshot.scope.id().to_owned(),
        window_kind: window.kind.as_str(),
        window_start: window.start,
        window_end: window.end,
        value: snapshot.value,
        unit: snapshot.unit,
        stats: text(&snapshot.stats),
        coverage: text(&snapshot.coverage),
        row_table: snapshot.row_table.as_str(),
        row_count,
        row_ids: (!of_days).then_some(snapshot.row_ids),
        row_values: (!of_days).then_some(snapshot.row_values),
        content_hash: 0,
    };
    new.content_hash = new.hash();
    new
}

/// As JSON. Text and numbers are always written.
fn text(object: &Map<String, Value>) -> String {
    serde_json::to_string(object).unwrap_or_default()
}

//! How far a run is.

use std::collections::BTreeMap;

use ovia_kpi::Facts;
use ovia_store::kpi::state::SliceDone;

/// Figures of a slice, those that were written, and changes.
pub(super) type SliceSum = (usize, u64, u64);

/// What a run has read and stored so far.
pub(super) struct Sums {
    pub(super) slices: usize,
    pub(super) slices_done: usize,
    pub(super) snapshots: u64,
    pub(super) written: u64,
    pub(super) changes: u64,
    /// Read by this attempt; a row that stretches share counts in each.
    pub(super) rows: BTreeMap<&'static str, usize>,
}

impl Sums {
    pub(super) fn of(done: &[SliceDone], slices: usize) -> Self {
        let sum = |of: fn(&SliceDone) -> i64| done.iter().map(|slice| of(slice).unsigned_abs()).sum();
        Self {
            slices,
            slices_done: 0,
            snapshots: sum(|slice| slice.snapshots),
            written: sum(|slice| slice.written),
            changes: sum(|slice| slice.changes),
            rows: BTreeMap::new(),
        }
    }

    pub(super) fn read(&mut self, facts: &Facts) {
        let rows = [
            ("merge_requests", facts.merge_requests.len()),
            ("pipelines", facts.pipelines.len()),
            ("deployments", facts.deployments.len()),
            ("work_items", facts.work_items.len()),
        ];
        for (table, count) in rows {
            *self.rows.entry(table).or_default() += count;
        }
    }

    pub(super) fn add(&mut self, (snapshots, written, changes): SliceSum) {
        self.slices_done += 1;
        self.snapshots += snapshots as u64;
        self.written += written;
        self.changes += changes;
    }
}

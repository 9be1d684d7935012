//! The one list of metrics. Docs, API descriptions and the rollup are made of it.

use std::sync::{Arc, OnceLock};

use ovia_domain::{MetricDefinition, MetricKey, RowTable};

use crate::{Window, inputs::Inputs, metrics::*, scope::ScopeIndex, snapshot::Figure};

/// A metric: its definition beside its arithmetic.
pub struct MetricEntry {
    pub definition: MetricDefinition,
    /// The table a figure's row ids are of.
    pub row_table: RowTable,
    /// Where the rows of a window longer than a day are.
    pub rows_of: RowsOf,
    /// What `stats` holds, as (name, meaning).
    pub stats: &'static [(&'static str, &'static str)],
    /// What `coverage` holds besides `rows` and `partial`, as (name, meaning).
    pub coverage: &'static [(&'static str, &'static str)],
    /// Reads the facts once, for any scope and window. One that is made of other metrics takes them from the measures.
    pub prepare: for<'a> fn(&'a Inputs<'a>, &Measures<'a>) -> Box<dyn Measure + 'a>,
}

/// Where the rows of a window longer than a day are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsOf {
    /// In its days: each row counts on one day, with the value it has there.
    Days,
    /// In its last day: a state is looked at where a window ends, or now.
    LastDay,
    /// In itself: a row adds another share to a week than to a day, or counts once in each.
    Window,
}

/// A metric of an organisation, ready to be asked.
pub trait Measure: Send + Sync {
    /// The figure of one scope and window. It depends on nothing else that is asked.
    fn figure(&self, scope: ScopeIndex, window: &Window) -> Figure;
}

/// A measure that is a function.
impl<F: Fn(ScopeIndex, &Window) -> Figure + Send + Sync> Measure for F {
    fn figure(&self, scope: ScopeIndex, window: &Window) -> Figure {
        self(scope, window)
    }
}

/// The metrics of one set of facts, each made ready when it is first asked for, and once.
pub struct Measures<'a> {
    inputs: &'a Inputs<'a>,
    /// In the order of [`REGISTRY`].
    ready: Vec<OnceLock<Arc<dyn Measure + 'a>>>,
}

impl<'a> Measures<'a> {
    pub(crate) fn new(inputs: &'a Inputs<'a>) -> Self {
        Self { inputs, ready: REGISTRY.iter().map(|_| OnceLock::new()).collect() }
    }

    pub(crate) fn of(&self, key: MetricKey) -> &Arc<dyn Measure + 'a> {
        self.ready[key as usize].get_or_init(|| Arc::from((metric(key).prepare)(self.inputs, self)))
    }
}

/// Every metric, in the order of [`MetricKey::ALL`].
pub static REGISTRY: &[MetricEntry] = &[
    merge_throughput::ENTRY,
    lead_time_for_changes::ENTRY,
    time_to_first_review::ENTRY,
    review_duration::ENTRY,
    time_to_merge::ENTRY,
    merge_request_size::ENTRY,
    stale_merge_requests::ENTRY,
    pipeline_success_rate::ENTRY,
    pipeline_duration::ENTRY,
    deployment_frequency::ENTRY,
    change_failure_rate::ENTRY,
    failed_deployment_recovery_time::ENTRY,
    cycle_time::ENTRY,
    work_in_progress::ENTRY,
    work_item_age::ENTRY,
    throughput::ENTRY,
    bug_ratio::ENTRY,
    release_scope_change::ENTRY,
    release_completion::ENTRY,
    delivery_health::ENTRY,
    release_risk::ENTRY,
];

/// The entry of `key`.
pub fn metric(key: MetricKey) -> &'static MetricEntry {
    &REGISTRY[key as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_its_entry() {
        assert_eq!(REGISTRY.len(), MetricKey::ALL.len());
        for (key, entry) in MetricKey::ALL.into_iter().zip(REGISTRY) {
            assert_eq!(entry.definition.key, key);
            assert_eq!(metric(key).definition.key, key);
        }
    }

    #[test]
    fn definitions_are_complete() {
        for entry in REGISTRY {
            let definition = &entry.definition;
            for text in [definition.name, definition.unit, definition.formula, definition.filters, definition.no_data, definition.reference]
            {
                assert!(!text.trim().is_empty(), "{}", definition.key);
            }
            assert!(definition.version >= 1);
            assert!(!definition.inputs.is_empty());
            assert!(definition.inputs.iter().any(|input| input.starts_with(entry.row_table.as_str())), "{}", definition.key);
        }
    }
}

//! The one list of metrics. Docs, API descriptions and the rollup are made of it.

use ovia_domain::{MetricDefinition, MetricKey};

use crate::{
    grid::Inputs,
    metrics::{deployment_frequency, merge_throughput, pipeline_success_rate, stale_merge_requests, time_to_first_review, time_to_merge},
    snapshot::Figure,
};

/// A metric: its definition beside its arithmetic.
pub struct MetricEntry {
    pub definition: MetricDefinition,
    /// The table a figure's row ids are of.
    pub row_table: &'static str,
    /// What `stats` holds, as (name, meaning).
    pub stats: &'static [(&'static str, &'static str)],
    /// What `coverage` holds besides `rows` and `partial`, as (name, meaning).
    pub coverage: &'static [(&'static str, &'static str)],
    /// A figure per scope and window, in that order.
    pub compute: fn(&Inputs<'_>) -> Vec<Figure>,
}

/// Every metric, in the order of [`MetricKey::ALL`].
pub static REGISTRY: &[MetricEntry] = &[
    merge_throughput::ENTRY,
    time_to_merge::ENTRY,
    time_to_first_review::ENTRY,
    pipeline_success_rate::ENTRY,
    stale_merge_requests::ENTRY,
    deployment_frequency::ENTRY,
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
            assert!(definition.inputs.iter().any(|input| input.starts_with(entry.row_table)), "{}", definition.key);
        }
    }
}

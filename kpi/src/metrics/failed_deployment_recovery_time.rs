//! How long it takes to recover from a deployment that caused an incident.

use std::collections::HashMap;

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};

use crate::{
    ItemRef, Window, WorkItemFact,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    scope::{ScopeIndex, micros},
    series::{Event, Mark, Series},
    snapshot::hours,
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::FailedDeploymentRecoveryTime,
        name: "Failed deployment recovery time",
        unit: "hours",
        direction: Direction::LowerIsBetter,
        formula: "Median over the failed production deployments whose incidents were all resolved, the last of them in the window: the \
                  finish of the deployment → the resolution of its last incident. A deployment failed if an incident is put down to it: as \
                  change_failure_rate has it, an item of the configured types, labels and filters.",
        version: 2,
        inputs: &[
            "deployments.finished_at",
            "deployments.status",
            "environments.tier",
            "work_items.resolved_at",
            "work_items.type_name",
            "work_items.labels",
            "work_items.components",
            "work_items.priority",
            "work_items.status",
            "work_items.project_external_id",
            "issues.closed_at",
            "issues.issue_type",
            "issues.labels",
            "references_found",
        ],
        filters: "Deployments with an unresolved incident wait and are left out (counted where they finished).",
        no_data: "No failed deployment recovered in the window.",
        aggregate: Aggregate::Median,
        reference: "DORA, Accelerate State of DevOps Report 2023: failed deployment recovery time.",
    },
    row_table: RowTable::Deployments,
    rows_of: RowsOf::Days,
    stats: &[("p75", "75th percentile, hours"), ("p90", "90th percentile, hours")],
    coverage: &[
        ("excluded_unresolved", "failed deployments of the window with an incident that is not resolved"),
        ("excluded_negative", "deployments whose incidents were resolved before they finished"),
    ],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let incidents: HashMap<ItemRef, &WorkItemFact> =
        inputs.facts.work_items.iter().filter(|row| row.is_incident).map(|row| (row.item, row)).collect();
    let mut by_deployment: HashMap<i64, Vec<&WorkItemFact>> = HashMap::new();
    for row in inputs.attributions() {
        if let (Some(deployment_id), Some(incident)) = (row.deployment_id, incidents.get(&row.item)) {
            by_deployment.entry(deployment_id).or_default().push(incident);
        }
    }
    let failed =
        inputs.facts.deployments.iter().enumerate().filter(|(_, row)| row.is_delivery(inputs.settings)).filter_map(|(index, row)| {
            let caused = by_deployment.get(&row.id)?;
            let resolved: Option<Vec<_>> = caused.iter().map(|incident| incident.resolved_at).collect();
            let last = resolved.and_then(|times| times.into_iter().max());
            let value = last.map(|at| hours(row.at(), at));
            let mark = match value {
                None => Mark::left_out(1),
                Some(value) if value < 0.0 => Mark::left_out(2),
                Some(_) => Mark::counted(false),
            };
            let event = Event { at: micros(last.unwrap_or_else(|| row.at())), id: row.id, value: value.unwrap_or_default(), mark };
            Some((event, inputs.place_of_deployment(index)))
        });
    let series = Series::new(inputs, failed.collect());
    Box::new(move |scope: ScopeIndex, window: &Window| series.tally(scope, window).median(ENTRY.coverage))
}

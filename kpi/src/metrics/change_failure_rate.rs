//! Which share of the deployments to production caused an incident.

use std::collections::HashSet;

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};

use crate::{
    Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    scope::{ScopeIndex, micros},
    series::{Event, Mark, Series},
    snapshot::Figure,
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::ChangeFailureRate,
        name: "Change failure rate",
        unit: "ratio",
        direction: Direction::LowerIsBetter,
        formula: "Successful production deployments finished in the window with at least one incident put down to them ÷ all successful \
                  production deployments finished in the window. Incidents are items of the configured types, labels and filters; the rules that put \
                  them down to deployments are below.",
        version: 2,
        inputs: &[
            "deployments.status",
            "deployments.finished_at",
            "environments.tier",
            "work_items.type_name",
            "work_items.labels",
            "work_items.components",
            "work_items.priority",
            "work_items.status",
            "work_items.project_external_id",
            "work_items.created_at",
            "issues.issue_type",
            "issues.labels",
            "references_found",
            "merge_requests.merged_at",
        ],
        filters: "Only status success and a production tier. An incident that is put down to no deployment counts for none.",
        no_data: "No successful production deployment finished in the window, or the organisation has no incident at all: then it is not \
                  known which deployments failed.",
        aggregate: Aggregate::Mean,
        reference: "DORA, Accelerate State of DevOps Report 2023: change failure rate.",
    },
    row_table: RowTable::Deployments,
    rows_of: RowsOf::Days,
    stats: &[("numerator", "deployments with an incident"), ("denominator", "successful production deployments")],
    coverage: &[("excluded_incidents", "incidents created in the window that no rule puts down to a deployment")],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let attributions = inputs.attributions();
    let failed: HashSet<i64> = attributions.iter().filter_map(|row| row.deployment_id).collect();
    let settled: HashSet<_> = attributions.iter().map(|row| row.item).collect();
    let deliveries = inputs.facts.deployments.iter().enumerate().filter(|(_, row)| row.is_delivery(inputs.settings)).map(|(index, row)| {
        let value = f64::from(u8::from(failed.contains(&row.id)));
        let event = Event { at: micros(row.at()), id: row.id, value, mark: Mark::counted(false) };
        (event, inputs.place_of_deployment(index))
    });
    let incidents = || inputs.facts.work_items.iter().filter(|row| row.is_incident);
    let unsettled = incidents().filter(|row| !settled.contains(&row.item)).map(|row| {
        let event = Event { at: micros(row.created_at), id: row.item.id, value: 0.0, mark: Mark::left_out(1) };
        (event, inputs.place(row.project, None))
    });
    let series = Series::new(inputs, deliveries.chain(unsettled).collect());
    let any = incidents().next().is_some();
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let tally = series.tally(scope, window);
        tally.figure(ENTRY.coverage, |tally| if any { Figure::mean_of(tally) } else { Figure::none() })
    })
}

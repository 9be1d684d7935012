//! Which share of the new work is bugs.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, WorkItemKind};

use crate::{
    Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry},
    scope::{ScopeIndex, micros},
    series::{Event, Mark, Series},
    snapshot::Figure,
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::BugRatio,
        name: "Bug ratio",
        unit: "ratio",
        direction: Direction::LowerIsBetter,
        formula: "Bugs created in the window ÷ work items created in the window.",
        version: 1,
        inputs: &["work_items.kind", "work_items.created_at", "work_items.assignee"],
        filters: "Epics are left out: they are containers of others.",
        no_data: "No work item was created in the window.",
        aggregate: Aggregate::Mean,
        reference: "Ovia: the share of unplanned repair in new work.",
    },
    row_table: "work_items",
    stats: &[("numerator", "bugs"), ("denominator", "work items")],
    coverage: &[("mapped_authors", "share of the counted rows whose assignee is linked to a person")],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let created = inputs.histories().each().map(|history| {
        let row = history.row;
        let value = f64::from(u8::from(row.kind == WorkItemKind::Bug));
        let mark = Mark::counted(inputs.is_mapped(row.assignee));
        (Event { at: micros(row.created_at), id: row.item.id, value, mark }, inputs.place(row.project, row.assignee))
    });
    let series = Series::dated(inputs, ENTRY.definition.key, created.collect());
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let tally = series.tally(scope, window);
        let mapped = tally.mapped;
        Figure::mean_of(tally).share("mapped_authors", mapped)
    })
}

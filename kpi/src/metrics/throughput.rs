//! How much work gets done.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};

use crate::{
    Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    scope::ScopeIndex,
    series::{Event, Firsts, Mark, Series},
    snapshot::Figure,
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::Throughput,
        name: "Throughput",
        unit: "count",
        direction: Direction::HigherIsBetter,
        formula: "Number of work items that came into a status of category done in the window for the last time and stayed there. An item \
                  without any transition counts at its resolution.",
        version: 1,
        inputs: &[
            "work_items.kind",
            "work_items.status_category",
            "work_items.resolved_at",
            "work_items.created_at",
            "work_items.assignee",
            "work_item_changes",
            "work_item_statuses.category",
            "identities.is_bot",
        ],
        filters: "Epics are left out (they are containers of others), and items assigned to bots. Statuses count by category, never by name.",
        no_data: "No work item of the scope was created before the end of the window (or now, if that is earlier).",
        aggregate: Aggregate::Sum,
        reference: "Kanban Guide, 2020: throughput.",
    },
    row_table: RowTable::WorkItems,
    rows_of: RowsOf::Days,
    stats: &[("from_resolution", "items without a transition, counted at their resolution")],
    coverage: &[
        ("excluded_bots", "items done in the window that are assigned to bots"),
        ("mapped_authors", "share of the counted rows whose assignee is linked to a person"),
        (
            "complete_changelogs",
            "share of the counted rows whose changelog is whole: from creation to the status of now, every status with a category",
        ),
    ],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let done = inputs.histories().each().filter_map(|history| {
        let row = history.row;
        let mark = match inputs.facts.is_bot(row.assignee, row.assignee_is_bot) {
            true => Mark::left_out(1),
            false => {
                let mark = Mark::counted(inputs.is_mapped(row.assignee)).sound(history.is_complete());
                mark.class(u8::from(!history.has_steps()))
            }
        };
        Some((Event { at: history.finished()?, id: row.item.id, value: 1.0, mark }, inputs.place(row.project, row.assignee)))
    });
    let series = Series::dated(inputs, ENTRY.definition.key, done.collect());
    let firsts = Firsts::of_work_items(inputs);
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let known = firsts.before(scope, window.observed_until(inputs.as_of));
        let tally = series.tally(scope, window);
        let (mapped, complete, resolved) = (tally.mapped, tally.sound, tally.classed);
        let figure = tally.figure(&ENTRY.coverage[..1], |tally| match known {
            true => Figure::count_of(tally.rows).stat("from_resolution", resolved),
            false => Figure::none(),
        });
        figure.share("mapped_authors", mapped).share("complete_changelogs", complete)
    })
}

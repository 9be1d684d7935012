//! How much is begun and not done.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};

use crate::{
    Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    scope::ScopeIndex,
    series::{Firsts, Mark, Tally},
    snapshot::Figure,
    states::{Span, States},
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::WorkInProgress,
        name: "Work in progress",
        unit: "count",
        direction: Direction::LowerIsBetter,
        formula: "Number of work items that, at the end of the window (or now, if that is earlier), were in a status of category in progress. \
                  An item without any transition has had its status of now since its creation.",
        version: 1,
        inputs: &[
            "work_items.kind",
            "work_items.status_category",
            "work_items.created_at",
            "work_items.assignee",
            "work_item_changes",
            "work_item_statuses.category",
            "identities.is_bot",
        ],
        filters: "Epics are left out (they are containers of others), and items assigned to bots.",
        no_data: "No work item of the scope was created before that moment.",
        aggregate: Aggregate::Sum,
        reference: "Kanban Guide, 2020: work in progress.",
    },
    row_table: RowTable::WorkItems,
    rows_of: RowsOf::LastDay,
    stats: &[],
    coverage: &[
        ("excluded_bots", "items in progress that are assigned to bots"),
        ("mapped_authors", "share of the counted rows whose assignee is linked to a person"),
        (
            "complete_changelogs",
            "share of the counted rows whose changelog is whole: from creation to the status of now, every status with a category",
        ),
    ],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let mut rows = Vec::new();
    for history in inputs.histories().each() {
        let row = history.row;
        let mark = match inputs.facts.is_bot(row.assignee, row.assignee_is_bot) {
            true => Mark::left_out(1),
            false => Mark::counted(inputs.is_mapped(row.assignee)).sound(history.is_complete()),
        };
        let place = inputs.place(row.project, row.assignee);
        let spans = history.progress_spans().into_iter();
        rows.extend(spans.map(|(from, to)| (Span { from, to, id: row.item.id, since: from, mark }, place)));
    }
    let states = States::new(inputs, rows);
    let firsts = Firsts::of_work_items(inputs);
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let moment = window.observed_until(inputs.as_of);
        let mut tally = Tally::default();
        states.at(scope, moment).for_each(|span| tally.add(span.id, 1.0, span.mark));
        let (mapped, complete) = (tally.mapped, tally.sound);
        let figure = tally.figure(&ENTRY.coverage[..1], |tally| match firsts.before(scope, moment) {
            true => Figure::count_of(tally.rows),
            false => Figure::none(),
        });
        figure.share("mapped_authors", mapped).share("complete_changelogs", complete)
    })
}

//! How old the work in progress is.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};

use crate::{
    Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    scope::{ScopeIndex, micros},
    series::{Mark, Tally},
    states::{Span, States},
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::WorkItemAge,
        name: "Work item age",
        unit: "days",
        direction: Direction::LowerIsBetter,
        formula: "Median over the work items in progress at the end of the window (or now, if that is earlier): days of 24 hours since their \
                  first transition into a status of category in progress. An item created in progress began with its creation.",
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
        filters: "Epics are left out (they are containers of others), items assigned to bots, and items of which no transition tells when \
                  they were begun.",
        no_data: "No work item of a known beginning was in progress at that moment.",
        aggregate: Aggregate::Median,
        reference: "Kanban Guide, 2020: work item age.",
    },
    row_table: RowTable::WorkItems,
    rows_of: RowsOf::LastDay,
    stats: &[("p75", "75th percentile, days"), ("p90", "90th percentile, days"), ("oldest", "the greatest age, days")],
    coverage: &[
        ("excluded_bots", "items in progress that are assigned to bots"),
        ("excluded_without_start", "items in progress that nobody knows since when"),
        ("mapped_authors", "share of the counted rows whose assignee is linked to a person"),
        (
            "complete_changelogs",
            "share of the counted rows whose changelog is whole: from creation to the status of now, every status with a category",
        ),
    ],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    const MICROSECONDS_PER_DAY: f64 = 86_400_000_000.0;
    let mut rows = Vec::new();
    for history in inputs.histories().each() {
        let row = history.row;
        let started = history.started();
        let mark = match started {
            _ if inputs.facts.is_bot(row.assignee, row.assignee_is_bot) => Mark::left_out(1),
            None => Mark::left_out(2),
            Some(_) => Mark::counted(inputs.is_mapped(row.assignee)).sound(history.is_complete()),
        };
        let place = inputs.place(row.project, row.assignee);
        let spans = history.progress_spans().into_iter();
        rows.extend(spans.map(|(from, to)| (Span { from, to, id: row.item.id, since: started.unwrap_or(from), mark }, place)));
    }
    let states = States::new(inputs, rows);
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let moment = window.observed_until(inputs.as_of);
        let mut tally = Tally::default();
        for span in states.at(scope, moment) {
            tally.add(span.id, (micros(moment) - span.since) as f64 / MICROSECONDS_PER_DAY, span.mark);
        }
        let (mapped, complete) = (tally.mapped, tally.sound);
        let oldest = tally.rows.iter().map(|row| row.1).max_by(f64::total_cmp);
        let figure = tally.median(&ENTRY.coverage[..2]).share("mapped_authors", mapped).share("complete_changelogs", complete);
        oldest.into_iter().fold(figure, |figure, oldest| figure.stat("oldest", oldest))
    })
}

//! Which share of the new work is bugs.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable, WorkItemKind};

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
        key: MetricKey::BugRatio,
        name: "Bug ratio",
        unit: "ratio",
        direction: Direction::LowerIsBetter,
        formula: "Bugs created in the window ÷ work items created in the window.",
        version: 2,
        inputs: &["work_items.kind", "work_items.created_at", "work_items.assignee", "identities.is_bot", "person_identity_links"],
        filters: "Epics are left out: they are containers of others. So are items that are assigned to bots.",
        no_data: "No work item was created in the window.",
        aggregate: Aggregate::Mean,
        reference: "Ovia: the share of unplanned repair in new work.",
    },
    row_table: RowTable::WorkItems,
    rows_of: RowsOf::Days,
    stats: &[("numerator", "bugs"), ("denominator", "work items")],
    coverage: &[
        ("excluded_bots", "items created in the window that are assigned to bots"),
        ("mapped_authors", "share of the counted rows whose assignee is linked to a person"),
    ],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let created = inputs.histories().each().map(|history| {
        let row = history.row;
        let value = f64::from(u8::from(row.kind == WorkItemKind::Bug));
        let mark = match inputs.facts.is_bot(row.assignee, row.assignee_is_bot) {
            true => Mark::left_out(1),
            false => Mark::counted(inputs.is_mapped(row.assignee)),
        };
        (Event { at: micros(row.created_at), id: row.item.id, value, mark }, inputs.place(row.project, row.assignee))
    });
    let series = Series::dated(inputs, ENTRY.definition.key, created.collect());
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let tally = series.tally(scope, window);
        let mapped = tally.mapped;
        tally.figure(&ENTRY.coverage[..1], Figure::mean_of).share("mapped_authors", mapped)
    })
}

#[cfg(test)]
mod tests {
    use ovia_domain::{MetricKey, WorkItemKind};

    use crate::testing::Company;

    #[test]
    fn bots_items_and_epics_are_no_new_work() {
        let mut company = Company::new();
        for kind in [WorkItemKind::Bug, WorkItemKind::Task, WorkItemKind::Bug, WorkItemKind::Epic] {
            company.item(kind, "2024-05-07T00:00:00Z", &[]);
        }
        company.facts().work_items[2].assignee_is_bot = true;
        let week = company.week(MetricKey::BugRatio, "2024-05-06", "2024-06-01T00:00:00Z");
        assert_eq!((week.value, week.row_ids.len(), &week.coverage["excluded_bots"]), (Some(0.5), 2, &1.into()));
    }
}

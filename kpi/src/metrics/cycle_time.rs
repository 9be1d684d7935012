//! How long work items take from the first touch to the end.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};

use crate::{
    Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    scope::ScopeIndex,
    series::{Event, Mark, Series},
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::CycleTime,
        name: "Cycle time",
        unit: "hours",
        direction: Direction::LowerIsBetter,
        formula: "Median over the work items done in the window: first transition into a status of category in progress → last transition \
                  into category done, from the changelog. An item created in progress began with its creation. One that left done again is \
                  not done; a move between two statuses of category done is no new end.",
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
        filters: "Epics are left out (they are containers of others), items assigned to bots, and items done without ever having been in \
                  progress. Statuses count by category, never by name.",
        no_data: "Nothing is left to take the median of.",
        aggregate: Aggregate::Median,
        reference: "Kanban Guide, 2020: cycle time.",
    },
    row_table: RowTable::WorkItems,
    rows_of: RowsOf::Days,
    stats: &[("p75", "75th percentile, hours"), ("p90", "90th percentile, hours")],
    coverage: &[
        ("excluded_bots", "items done in the window that are assigned to bots"),
        ("excluded_without_progress", "items done in the window that were never seen in progress"),
        ("excluded_negative", "items whose first transition into progress is after their end"),
        ("mapped_authors", "share of the counted rows whose assignee is linked to a person"),
        (
            "complete_changelogs",
            "share of the counted rows whose changelog is whole: from creation to the status of now, every status with a category",
        ),
    ],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    const MICROSECONDS_PER_HOUR: f64 = 3_600_000_000.0;
    let done = inputs.histories().each().filter_map(|history| {
        let row = history.row;
        let finished = history.finished()?;
        let value = history.started().map(|started| (finished - started) as f64 / MICROSECONDS_PER_HOUR);
        let mark = match value {
            _ if inputs.facts.is_bot(row.assignee, row.assignee_is_bot) => Mark::left_out(1),
            None => Mark::left_out(2),
            Some(value) if value < 0.0 => Mark::left_out(3),
            Some(_) => Mark::counted(inputs.is_mapped(row.assignee)).sound(history.is_complete()),
        };
        let event = Event { at: finished, id: row.item.id, value: value.unwrap_or_default(), mark };
        Some((event, inputs.place(row.project, row.assignee)))
    });
    let series = Series::dated(inputs, ENTRY.definition.key, done.collect());
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let tally = series.tally(scope, window);
        let (mapped, complete) = (tally.mapped, tally.sound);
        tally.median(&ENTRY.coverage[..3]).share("mapped_authors", mapped).share("complete_changelogs", complete)
    })
}

#[cfg(test)]
mod tests {
    use ovia_domain::{
        MetricKey,
        StatusCategory::{self, Done, InProgress, Todo},
        WorkItemKind,
    };

    use crate::{Snapshot, testing::Company};

    fn week(company: &Company, metric: MetricKey) -> Snapshot {
        company.week(metric, "2024-05-06", "2024-06-01T00:00:00Z")
    }

    fn cycle(steps: &[(&str, StatusCategory)]) -> Option<f64> {
        let mut company = Company::new();
        company.item(WorkItemKind::Story, "2024-05-01T00:00:00Z", steps);
        week(&company, MetricKey::CycleTime).value
    }

    #[test]
    fn from_the_first_progress_to_the_last_end() {
        let (one, two, three, four) = ("2024-05-06T00:00:00Z", "2024-05-07T00:00:00Z", "2024-05-08T00:00:00Z", "2024-05-09T00:00:00Z");
        assert_eq!(cycle(&[(one, InProgress), (two, Done)]), Some(24.0));
        assert_eq!(cycle(&[(one, InProgress), (two, Todo), (three, InProgress), (four, Done)]), Some(72.0));
        assert_eq!(cycle(&[(one, InProgress), (two, Done), (three, InProgress), (four, Done)]), Some(72.0), "reopened");
        assert_eq!(cycle(&[(one, InProgress), (two, Done), (four, Done)]), Some(24.0), "resolved, then closed");
        assert_eq!(cycle(&[(one, InProgress), (two, Done), (three, Todo)]), None, "reopened and not done");
        assert_eq!(cycle(&[(two, Done)]), None, "never in progress");
        assert_eq!(cycle(&[]), None);
    }

    /// A status called "done" whose category is another one is no end, and the other way round: only categories are looked at, and the facts
    /// hold no names.
    #[test]
    fn categories_decide() {
        assert_eq!(cycle(&[("2024-05-06T00:00:00Z", InProgress), ("2024-05-07T00:00:00Z", Todo)]), None);
    }

    #[test]
    fn an_incomplete_changelog_and_epics_are_told() {
        let mut company = Company::new();
        let steps = [("2024-05-06T00:00:00Z", InProgress), ("2024-05-07T00:00:00Z", Done)];
        company.item(WorkItemKind::Epic, "2024-05-01T00:00:00Z", &steps);
        company.item(WorkItemKind::Task, "2024-05-01T00:00:00Z", &steps);
        let gap = company.item(WorkItemKind::Task, "2024-05-01T00:00:00Z", &steps);
        company
            .facts()
            .work_item_transitions
            .iter_mut()
            .filter(|row| row.work_item_id == gap)
            .skip(1)
            .for_each(|row| row.from = Some(Todo));
        let cycle = week(&company, MetricKey::CycleTime);
        assert_eq!((cycle.row_ids.len(), &cycle.coverage["complete_changelogs"]), (2, &0.5.into()));
    }

    #[test]
    fn throughput_takes_the_resolution_where_no_step_is_known() {
        let mut company = Company::new();
        company.item(WorkItemKind::Task, "2024-05-01T00:00:00Z", &[]);
        company.item(WorkItemKind::Task, "2024-05-01T00:00:00Z", &[("2024-05-06T00:00:00Z", Done)]);
        let row = &mut company.facts().work_items[0];
        (row.category, row.resolved_at) = (Some(Done), Some(crate::testing::utc("2024-05-07T00:00:00Z")));
        let week = week(&company, MetricKey::Throughput);
        assert_eq!(
            (week.value, &week.stats["from_resolution"], &week.coverage["complete_changelogs"]),
            (Some(2.0), &1.into(), &0.5.into())
        );
    }

    #[test]
    fn progress_and_age_are_of_the_windows_end() {
        let mut company = Company::new();
        let going = company.item(WorkItemKind::Bug, "2024-05-01T00:00:00Z", &[("2024-05-03T00:00:00Z", InProgress)]);
        company.item(WorkItemKind::Task, "2024-05-01T00:00:00Z", &[("2024-05-11T00:00:00Z", InProgress), ("2024-05-14T00:00:00Z", Done)]);
        company.item(WorkItemKind::Task, "2024-05-01T00:00:00Z", &[("2024-05-13T00:00:00Z", InProgress)]);
        let progress = week(&company, MetricKey::WorkInProgress);
        assert_eq!((progress.value, progress.row_ids[0]), (Some(2.0), going), "begun at the very end is begun in the next week");
        let age = week(&company, MetricKey::WorkItemAge);
        assert_eq!((age.value, &age.stats["oldest"]), (Some(6.0), &10.0.into()));
        assert_eq!(company.week(MetricKey::BugRatio, "2024-04-29", "2024-06-01T00:00:00Z").value, Some(1.0 / 3.0));
        assert_eq!(week(&company, MetricKey::BugRatio).value, None);
    }
}

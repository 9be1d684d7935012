//! How many merge requests were merged.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};

use crate::{
    Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    scope::{ScopeIndex, micros},
    series::{Event, Firsts, Mark, Series},
    snapshot::Figure,
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::MergeThroughput,
        name: "Merge throughput",
        unit: "count",
        direction: Direction::HigherIsBetter,
        formula: "Number of merge requests merged in the window.",
        version: 1,
        inputs: &["merge_requests.merged_at", "merge_requests.created_at", "merge_requests.author", "identities.is_bot"],
        filters: "Merge requests by bots are left out.",
        no_data: "No merge request of the scope was created before the end of the window (or now, if that is earlier).",
        aggregate: Aggregate::Sum,
        reference: "Flow throughput: completed items per unit of time (Kanban Guide, 2020).",
    },
    row_table: RowTable::MergeRequests,
    rows_of: RowsOf::Days,
    stats: &[],
    coverage: &[
        ("excluded_bots", "merge requests by bots merged in the window"),
        ("mapped_authors", "share of the counted rows whose author is linked to a person"),
    ],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let facts = inputs.facts;
    let event = |id, (author, author_is_bot), merged_at| {
        let mark = if facts.is_bot(author, author_is_bot) { Mark::left_out(1) } else { Mark::counted(inputs.is_mapped(author)) };
        Event { at: micros(merged_at), id, value: 1.0, mark }
    };
    let merged = facts
        .merge_requests
        .iter()
        .filter_map(|row| Some((event(row.id, (row.author, row.author_is_bot), row.merged_at?), inputs.place_of(row))));
    let earlier = facts
        .earlier_merges
        .iter()
        .map(|row| (event(row.id, (row.author, row.author_is_bot), row.merged_at), inputs.place(row.project, row.author)));
    let series = Series::dated(inputs, ENTRY.definition.key, merged.chain(earlier).collect());
    let firsts = Firsts::of_merge_requests(inputs);
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let known = firsts.before(scope, window.observed_until(inputs.as_of));
        series.tally(scope, window).figure(&ENTRY.coverage[..1], |tally| {
            let figure = if known { Figure::count_of(tally.rows) } else { Figure::none() };
            figure.share("mapped_authors", tally.mapped)
        })
    })
}

#[cfg(test)]
mod tests {
    use ovia_domain::MetricKey;

    use crate::testing::{Company, Mr};

    const KEY: MetricKey = MetricKey::MergeThroughput;

    #[test]
    fn counts_merges_by_people_in_the_window() {
        let mut company = Company::new();
        let inside = company.merge_request(Mr::at("2024-05-01T10:00:00Z").merged("2024-05-07T00:00:00Z"));
        company.merge_request(Mr::at("2024-05-01T10:00:00Z").merged("2024-05-13T00:00:00Z"));
        company.merge_request(Mr::at("2024-05-01T10:00:00Z").merged("2024-05-08T00:00:00Z").by_bot());
        company.merge_request(Mr::at("2024-05-01T10:00:00Z").closed("2024-05-08T00:00:00Z"));
        let week = company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z");
        assert_eq!((week.value, week.row_ids.clone()), (Some(1.0), vec![inside]));
        assert_eq!(week.coverage["excluded_bots"], 1);
        assert_eq!(week.coverage["rows"], 1);
    }

    #[test]
    fn a_week_without_merges_is_zero_only_once_there_is_work() {
        let mut company = Company::new();
        company.merge_request(Mr::at("2024-05-08T10:00:00Z"));
        assert_eq!(company.week(KEY, "2024-05-13", "2024-06-01T00:00:00Z").value, Some(0.0));
        assert_eq!(company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z").value, Some(0.0));
        assert_eq!(company.week(KEY, "2024-05-06", "2024-05-08T10:00:00Z").value, None, "created at that very moment, not before");
        assert_eq!(company.elsewhere().week(KEY, "2024-05-13", "2024-06-01T00:00:00Z").value, None, "another project has none");
    }

    #[test]
    fn an_account_nobody_knows_is_a_human() {
        let mut company = Company::new();
        company.merge_request(Mr::at("2024-05-06T10:00:00Z").merged("2024-05-07T00:00:00Z").by_nobody());
        assert_eq!(company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z").value, Some(1.0));
    }
}

//! How large merge requests are.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};

use crate::{
    Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    scope::{ScopeIndex, micros},
    series::{Event, Mark, Series},
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::MergeRequestSize,
        name: "Merge request size",
        unit: "lines",
        direction: Direction::LowerIsBetter,
        formula: "Median of added + deleted lines over the merge requests merged in the window.",
        version: 1,
        inputs: &["merge_requests.additions", "merge_requests.deletions", "merge_requests.merged_at", "identities.is_bot"],
        filters: "Merge requests by bots are left out, and those whose size was not read. Where the source cut a diff, its size is a lower bound.",
        no_data: "No merge request of a known size was merged in the window.",
        aggregate: Aggregate::Median,
        reference: "Percentiles by linear interpolation, position (n − 1)·p: R type 7 (Hyndman and Fan, 1996).",
    },
    row_table: RowTable::MergeRequests,
    rows_of: RowsOf::Days,
    stats: &[("p75", "75th percentile, lines"), ("p90", "90th percentile, lines")],
    coverage: &[
        ("excluded_bots", "merge requests by bots merged in the window"),
        ("excluded_without_size", "merge requests whose size is not known"),
        ("mapped_authors", "share of the counted rows whose author is linked to a person"),
    ],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let merged = inputs.facts.merge_requests.iter().filter_map(|row| {
        let lines = row.additions.zip(row.deletions).map(|(added, deleted)| f64::from(added) + f64::from(deleted));
        let mark = match lines {
            _ if inputs.by_bot(row) => Mark::left_out(1),
            None => Mark::left_out(2),
            Some(_) => Mark::counted(inputs.is_mapped(row.author)),
        };
        let event = Event { at: micros(row.merged_at?), id: row.id, value: lines.unwrap_or_default(), mark };
        Some((event, inputs.place_of(row)))
    });
    let series = Series::dated(inputs, ENTRY.definition.key, merged.collect());
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let tally = series.tally(scope, window);
        let mapped = tally.mapped;
        tally.median(&ENTRY.coverage[..2]).share("mapped_authors", mapped)
    })
}

#[cfg(test)]
mod tests {
    use ovia_domain::MetricKey;

    use crate::testing::{Company, Mr};

    #[test]
    fn added_and_deleted_lines_of_a_known_size() {
        let mut company = Company::new();
        for (added, deleted) in [(Some(10), Some(5)), (Some(0), Some(0)), (Some(100), Some(3)), (Some(7), None), (None, None)] {
            let id = company.merge_request(Mr::at("2024-05-06T00:00:00Z").merged("2024-05-07T00:00:00Z"));
            company.change(id, |row| (row.additions, row.deletions) = (added, deleted));
        }
        let week = company.week(MetricKey::MergeRequestSize, "2024-05-06", "2024-06-01T00:00:00Z");
        assert_eq!((week.value, &week.coverage["excluded_without_size"]), (Some(15.0), &2.into()));
        assert_eq!(week.row_values, [15.0, 0.0, 103.0]);
    }
}

//! How long merge requests take from creation to merge.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};

use crate::{
    Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    scope::{ScopeIndex, micros},
    series::{Event, Mark, Series},
    snapshot::hours,
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::TimeToMerge,
        name: "Time to merge",
        unit: "hours",
        direction: Direction::LowerIsBetter,
        formula: "Median of merge time − creation time over the merge requests merged in the window.",
        version: 1,
        inputs: &["merge_requests.created_at", "merge_requests.merged_at", "merge_requests.author", "identities.is_bot"],
        filters: "Merge requests by bots are left out, and those merged before they were created.",
        no_data: "Nothing is left to take the median of.",
        aggregate: Aggregate::Median,
        reference: "Percentiles by linear interpolation, position (n − 1)·p: R type 7 (Hyndman and Fan, 1996).",
    },
    row_table: RowTable::MergeRequests,
    rows_of: RowsOf::Days,
    stats: &[("p75", "75th percentile, hours"), ("p90", "90th percentile, hours")],
    coverage: &[
        ("excluded_bots", "merge requests by bots merged in the window"),
        ("excluded_negative", "merge requests merged before they were created"),
        ("mapped_authors", "share of the counted rows whose author is linked to a person"),
    ],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let merged = inputs.facts.merge_requests.iter().filter_map(|row| {
        let merged_at = row.merged_at?;
        let value = hours(row.created_at, merged_at);
        let mark = match () {
            () if inputs.by_bot(row) => Mark::left_out(1),
            () if value < 0.0 => Mark::left_out(2),
            () => Mark::counted(inputs.is_mapped(row.author)),
        };
        Some((Event { at: micros(merged_at), id: row.id, value, mark }, inputs.place_of(row)))
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

    const KEY: MetricKey = MetricKey::TimeToMerge;

    #[test]
    fn is_the_median_with_its_percentiles() {
        let mut company = Company::new();
        for end in ["2024-05-06T01:00:00Z", "2024-05-06T02:00:00Z", "2024-05-06T03:00:00Z", "2024-05-06T10:00:00Z"] {
            company.merge_request(Mr::at("2024-05-06T00:00:00Z").merged(end));
        }
        let week = company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z");
        assert_eq!(week.value, Some(2.5));
        assert_eq!(week.stats["p75"], 4.75);
        assert!((week.stats["p90"].as_f64().unwrap_or_default() - 7.9).abs() < 1e-9);
        assert_eq!(week.row_ids.len(), 4);
    }

    #[test]
    fn impossible_times_and_bots_are_left_out_and_counted() {
        let mut company = Company::new();
        company.merge_request(Mr::at("2024-05-09T00:00:00Z").merged("2024-05-07T00:00:00Z"));
        company.merge_request(Mr::at("2024-05-06T00:00:00Z").merged("2024-05-07T00:00:00Z").by_bot());
        let week = company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z");
        assert_eq!(week.value, None);
        assert!(week.stats.is_empty() && week.row_ids.is_empty());
        assert_eq!((&week.coverage["excluded_negative"], &week.coverage["excluded_bots"]), (&1.into(), &1.into()));
    }

    #[test]
    fn merged_at_once_takes_no_time() {
        let mut company = Company::new();
        company.merge_request(Mr::at("2024-05-06T00:00:00Z").merged("2024-05-06T00:00:00Z"));
        assert_eq!(company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z").value, Some(0.0));
    }
}

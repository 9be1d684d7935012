//! How long merge requests are under review.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};

use crate::{
    Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    review::Review,
    scope::{ScopeIndex, micros},
    series::{Event, Mark, Series},
    snapshot::hours,
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::ReviewDuration,
        name: "Review duration",
        unit: "hours",
        direction: Direction::LowerIsBetter,
        formula: "Median of merge time − first review over the merge requests merged in the window. First review: as in \
                  time_to_first_review.",
        version: 3,
        inputs: &[
            "merge_requests.merged_at",
            "merge_requests.created_at",
            "merge_requests.draft",
            "merge_request_notes",
            "merge_request_approvals.approved_at",
            "identities.is_bot",
            "person_identity_links",
        ],
        filters: "Merge requests by bots are left out, those nobody reviewed, and those first reviewed after the merge.",
        no_data: "No merge request that was reviewed before was merged in the window.",
        aggregate: Aggregate::Median,
        reference: "Percentiles by linear interpolation, position (n − 1)·p: R type 7 (Hyndman and Fan, 1996).",
    },
    row_table: RowTable::MergeRequests,
    rows_of: RowsOf::Days,
    stats: &[("p75", "75th percentile, hours"), ("p90", "90th percentile, hours")],
    coverage: &[
        ("excluded_bots", "merge requests by bots merged in the window"),
        ("excluded_unreviewed", "merge requests merged without a review before"),
        ("mapped_authors", "share of the counted rows whose author is linked to a person"),
    ],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let merged = inputs.timelines.each().filter_map(|timeline| {
        let row = timeline.row;
        let merged_at = row.merged_at?;
        let lasted = Review::of(&timeline).first.map(|first| hours(first, merged_at)).filter(|lasted| *lasted >= 0.0);
        let mark = match lasted {
            _ if inputs.by_bot(row) => Mark::left_out(1),
            None => Mark::left_out(2),
            Some(_) => Mark::counted(inputs.is_mapped(row.author)),
        };
        Some((Event { at: micros(merged_at), id: row.id, value: lasted.unwrap_or_default(), mark }, inputs.place_of(row)))
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

    use crate::{
        ReviewEventKind::Note,
        testing::{Company, Mr},
    };

    #[test]
    fn from_the_first_review_to_the_merge() {
        let mut company = Company::new();
        let reviewed = company.merge_request(Mr::at("2024-05-06T00:00:00Z").merged("2024-05-07T00:00:00Z"));
        company.event(reviewed, Note, "ann", "2024-05-06T20:00:00Z");
        company.event(reviewed, Note, "ben", "2024-05-06T22:00:00Z");
        let late = company.merge_request(Mr::at("2024-05-06T00:00:00Z").merged("2024-05-07T00:00:00Z"));
        company.event(late, Note, "ann", "2024-05-07T00:00:01Z");
        company.merge_request(Mr::at("2024-05-06T00:00:00Z").merged("2024-05-07T00:00:00Z"));
        let week = company.week(MetricKey::ReviewDuration, "2024-05-06", "2024-06-01T00:00:00Z");
        assert_eq!((week.value, week.row_ids.clone(), &week.coverage["excluded_unreviewed"]), (Some(4.0), vec![reviewed], &2.into()));
    }

    #[test]
    fn nobody_reviews_their_own_work_with_a_second_account() {
        let mut company = Company::new();
        let id = company.merge_request(Mr::at("2024-05-06T00:00:00Z").merged("2024-05-07T00:00:00Z"));
        company.event(id, Note, "second", "2024-05-06T20:00:00Z");
        let week = |company: &Company| company.week(MetricKey::ReviewDuration, "2024-05-06", "2024-06-01T00:00:00Z");
        assert_eq!(week(&company).value, Some(4.0), "two strangers");
        let accounts = ["author", "second"].map(|name| company.account(name));
        let person = company.facts().person("ann");
        for account in accounts {
            company.facts().person_of(account, person, false);
        }
        assert_eq!(week(&company).value, None, "one person");
        assert_eq!(company.week(MetricKey::TimeToFirstReview, "2024-05-06", "2024-06-01T00:00:00Z").value, None);
    }
}

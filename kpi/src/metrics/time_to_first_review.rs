//! How long merge requests wait for the first human look.

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
        key: MetricKey::TimeToFirstReview,
        name: "Time to first review",
        unit: "hours",
        direction: Direction::LowerIsBetter,
        formula: "Median of first review − ready for review over the merge requests first reviewed in the window. Ready: its \
                  creation, or where it began as a draft the first time it was marked ready. First review: the earliest note or \
                  approval, once it was ready, by a \
                  human other than the author, whichever of their accounts they use. Approvals were given when system notes tell of \
                  them, also those that were taken back or reset since; those of a person of whom no such note tells since the \
                  merge request was created, at their own time.",
        version: 4,
        inputs: &[
            "merge_requests.created_at",
            "merge_requests.draft",
            "merge_request_notes",
            "merge_request_approvals.approved_at",
            "identities.is_bot",
            "person_identity_links",
        ],
        filters: "Merge requests by bots and reviews by bots are left out; so are other system notes, reviews by the author, reviews before it was \
                  ready, and reviews dated before the merge request was created.",
        no_data: "No merge request was first reviewed in the window.",
        aggregate: Aggregate::Median,
        reference: "Percentiles by linear interpolation, position (n − 1)·p: R type 7 (Hyndman and Fan, 1996).",
    },
    row_table: RowTable::MergeRequests,
    rows_of: RowsOf::Days,
    stats: &[("p75", "75th percentile, hours"), ("p90", "90th percentile, hours")],
    coverage: &[
        ("excluded_bots", "merge requests by bots first reviewed in the window"),
        ("excluded_bot_reviews", "notes and approvals by bots in the window, on merge requests by people"),
        (
            "excluded_before_creation",
            "notes dated before their merge request, and people who approved before it, counted where the merge request was created",
        ),
        ("mapped_authors", "share of the counted rows whose author is linked to a person"),
    ],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let mut rows = Vec::new();
    for timeline in inputs.timelines.each() {
        let (row, review) = (timeline.row, Review::of(&timeline));
        let mut add = |at, value, mark| rows.push((Event { at: micros(at), id: row.id, value, mark }, inputs.place_of(row)));
        let by_bot = inputs.by_bot(row);
        match (review.ready_at, review.first) {
            (_, Some(first)) if by_bot => add(first, 0.0, Mark::left_out(1)),
            (Some(ready_at), Some(first)) => add(first, hours(ready_at, first), Mark::counted(inputs.is_mapped(row.author))),
            _ => {}
        }
        if !by_bot {
            review.by_bots.iter().for_each(|at| add(*at, 0.0, Mark::left_out(2)));
            (0..review.before_creation).for_each(|_| add(row.created_at, 0.0, Mark::left_out(3)));
        }
    }
    let series = Series::dated(inputs, ENTRY.definition.key, rows);
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let tally = series.tally(scope, window);
        let mapped = tally.mapped;
        tally.median(&ENTRY.coverage[..3]).share("mapped_authors", mapped)
    })
}

#[cfg(test)]
mod tests {
    use ovia_domain::MetricKey;

    use crate::{
        ReviewEventKind::{Approval, Commit, MarkedDraft, MarkedReady, Note, System, SystemApproved},
        Snapshot,
        testing::{Company, Mr},
    };

    const KEY: MetricKey = MetricKey::TimeToFirstReview;

    /// The week of Monday 6 May 2024, seen from June.
    fn week(company: &Company) -> Snapshot {
        company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z")
    }

    #[test]
    fn the_author_bots_and_system_notes_review_nothing() {
        let mut company = Company::new();
        let id = company.merge_request(Mr::at("2024-05-06T00:00:00Z"));
        company.event(id, Note, "author", "2024-05-06T01:00:00Z");
        company.event(id, Approval, "author", "2024-05-06T01:00:00Z");
        company.event(id, System, "ann", "2024-05-06T02:00:00Z");
        company.event(id, Commit, "ann", "2024-05-06T02:30:00Z");
        company.bot_event(id, Note, "2024-05-06T03:00:00Z");
        assert_eq!(week(&company).value, None);
        assert_eq!(week(&company).coverage["excluded_bot_reviews"], 1);
        company.event(id, Note, "ann", "2024-05-06T05:00:00Z");
        company.event(id, Note, "ben", "2024-05-06T04:00:00Z");
        assert_eq!(week(&company).value, Some(4.0), "the earlier of the two");
        assert_eq!(week(&company).row_ids, [id]);
    }

    #[test]
    fn waits_from_the_first_time_a_draft_was_made_ready() {
        let mut company = Company::new();
        let id = company.merge_request(Mr::at("2024-05-06T00:00:00Z"));
        company.event(id, Note, "ann", "2024-05-06T03:00:00Z");
        company.event(id, MarkedReady, "author", "2024-05-06T10:00:00Z");
        company.event(id, MarkedDraft, "author", "2024-05-06T11:00:00Z");
        company.event(id, Note, "ann", "2024-05-06T12:00:00Z");
        company.event(id, MarkedReady, "author", "2024-05-06T20:00:00Z");
        assert_eq!(week(&company).value, Some(2.0), "the look at the draft is ignored, the second making ready too");
        assert_eq!(week(&company).coverage["excluded_before_creation"], 0);
    }

    #[test]
    fn what_became_a_draft_was_ready_before() {
        let mut company = Company::new();
        let id = company.merge_request(Mr::at("2024-05-06T00:00:00Z"));
        company.event(id, Note, "ann", "2024-05-06T03:00:00Z");
        company.event(id, MarkedDraft, "author", "2024-05-06T04:00:00Z");
        company.event(id, MarkedReady, "author", "2024-05-06T10:00:00Z");
        assert_eq!(week(&company).value, Some(3.0), "from its creation");
    }

    #[test]
    fn an_approval_dated_before_its_merge_request_hides_no_note_that_tells_of_it() {
        let mut company = Company::new();
        let id = company.merge_request(Mr::at("2024-05-06T00:00:00Z"));
        company.event(id, Approval, "ann", "2024-05-05T00:00:00Z");
        company.event(id, SystemApproved, "ann", "2024-05-06T06:00:00Z");
        assert_eq!((week(&company).value, &week(&company).coverage["excluded_before_creation"]), (Some(6.0), &1.into()));
    }

    #[test]
    fn a_draft_that_never_was_ready_waits_for_nothing() {
        let mut company = Company::new();
        let id = company.merge_request(Mr::at("2024-05-06T00:00:00Z").draft());
        company.event(id, Note, "ann", "2024-05-06T03:00:00Z");
        assert_eq!(week(&company).value, None);
    }

    #[test]
    fn a_review_at_the_moment_it_was_ready_counts() {
        let mut company = Company::new();
        let id = company.merge_request(Mr::at("2024-05-06T00:00:00Z"));
        company.event(id, MarkedReady, "author", "2024-05-06T10:00:00Z");
        company.event(id, Approval, "ann", "2024-05-06T10:00:00Z");
        assert_eq!(week(&company).value, Some(0.0));
    }

    #[test]
    fn reviews_before_creation_are_flagged_and_never_negative() {
        let mut company = Company::new();
        let id = company.merge_request(Mr::at("2024-05-06T12:00:00Z"));
        company.event(id, SystemApproved, "ann", "2019-01-29T00:40:37Z");
        company.event(id, SystemApproved, "ann", "2019-01-29T00:40:47Z");
        company.bot_event(id, Note, "2019-01-29T00:40:50Z");
        company.event(id, Note, "author", "2019-01-29T00:40:55Z");
        assert_eq!((week(&company).value, &week(&company).coverage["excluded_before_creation"]), (None, &1.into()));
        company.event(id, Note, "ann", "2024-05-06T13:00:00Z");
        assert_eq!((week(&company).value, &week(&company).coverage["excluded_before_creation"]), (Some(1.0), &1.into()));
    }

    #[test]
    fn approvals_known_only_from_system_notes_count_once_each() {
        let mut company = Company::new();
        let id = company.merge_request(Mr::at("2024-05-06T00:00:00Z"));
        company.event(id, SystemApproved, "ann", "2024-05-06T06:00:00Z");
        company.event(id, SystemApproved, "ann", "2024-05-06T07:00:00Z");
        assert_eq!(week(&company).value, Some(6.0));
        company.event(id, Approval, "ann", "2024-05-06T08:00:00Z");
        assert_eq!(week(&company).value, Some(6.0), "what was approved first was looked at first");
        company.event(id, SystemApproved, "ben", "2024-05-06T07:30:00Z");
        assert_eq!(week(&company).value, Some(6.0));
        company.event(id, Approval, "cid", "2024-05-06T05:00:00Z");
        assert_eq!(week(&company).value, Some(5.0), "notes say nothing of another's approval");
    }

    /// A sync between the two approvals keeps the first, one after them sees the second only.
    #[test]
    fn an_approval_that_was_reset_and_given_again_counts_when_it_was_given_first() {
        for kept in ["2024-05-06T06:00:00Z", "2024-05-06T09:00:00Z"] {
            let mut company = Company::new();
            let id = company.merge_request(Mr::at("2024-05-06T00:00:00Z").merged("2024-05-07T00:00:00Z"));
            company.event(id, SystemApproved, "ann", "2024-05-06T06:00:00Z");
            company.event(id, System, "author", "2024-05-06T07:00:00Z");
            company.event(id, SystemApproved, "ann", "2024-05-06T09:00:00Z");
            company.event(id, Approval, "ann", kept);
            assert_eq!(week(&company).value, Some(6.0), "{kept}");
            let duration = company.week(MetricKey::ReviewDuration, "2024-05-06", "2024-06-01T00:00:00Z");
            assert_eq!(duration.value, Some(18.0), "{kept}");
        }
    }

    /// Of a draft that was approved, and again once it was ready, the second counts, whichever of the two a sync has kept.
    #[test]
    fn an_approval_of_a_draft_hides_none_that_comes_after() {
        for kept in ["2024-05-06T01:00:00Z", "2024-05-06T09:00:00Z"] {
            let mut company = Company::new();
            let id = company.merge_request(Mr::at("2024-05-06T00:00:00Z"));
            company.event(id, SystemApproved, "ann", "2024-05-06T01:00:00Z");
            company.event(id, MarkedReady, "author", "2024-05-06T08:00:00Z");
            company.event(id, SystemApproved, "ann", "2024-05-06T09:00:00Z");
            company.event(id, Approval, "ann", kept);
            assert_eq!(week(&company).value, Some(1.0), "{kept}");
        }
    }

    #[test]
    fn a_merge_request_belongs_to_the_window_of_its_first_review() {
        let mut company = Company::new();
        let id = company.merge_request(Mr::at("2024-05-03T00:00:00Z").merged("2024-05-20T00:00:00Z"));
        company.event(id, Note, "ann", "2024-05-06T00:00:00Z");
        company.event(id, Note, "ann", "2024-05-13T00:00:00Z");
        assert_eq!(week(&company).value, Some(72.0));
        assert_eq!(company.week(KEY, "2024-04-29", "2024-06-01T00:00:00Z").value, None);
        assert_eq!(company.week(KEY, "2024-05-13", "2024-06-01T00:00:00Z").value, None);
    }

    #[test]
    fn unknown_reviewers_are_humans_and_bot_authors_are_counted() {
        let mut company = Company::new();
        let id = company.merge_request(Mr::at("2024-05-06T00:00:00Z").by_nobody());
        company.nobodys_event(id, Note, "2024-05-06T01:00:00Z");
        let bots = company.merge_request(Mr::at("2024-05-06T00:00:00Z").by_bot());
        company.event(bots, Note, "ann", "2024-05-06T09:00:00Z");
        let week = week(&company);
        assert_eq!((week.value, &week.coverage["excluded_bots"], &week.coverage["rows"]), (Some(1.0), &1.into(), &1.into()));
    }
}

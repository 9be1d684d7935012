//! Open merge requests nobody touches. The state is rebuilt for past moments from dated events, so that history does not depend on when
//! it is computed.

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
        key: MetricKey::StaleMergeRequests,
        name: "Stale merge requests",
        unit: "count",
        direction: Direction::LowerIsBetter,
        formula: "Number of merge requests that, at the end of the window (or now, if that is earlier), were open and no draft, and had no \
                  activity for 7 days (a setting). Activity: creation, notes (system notes too), approvals, commits, and the last update if \
                  it was by then. Draft or not: by the last change before the moment, else the opposite of the first change after it, else \
                  as it is now.",
        version: 2,
        inputs: &[
            "merge_requests.created_at",
            "merge_requests.updated_at",
            "merge_requests.merged_at",
            "merge_requests.closed_at",
            "merge_requests.state",
            "merge_requests.draft",
            "merge_request_notes",
            "merge_request_approvals.approved_at",
            "merge_request_commits.committed_at",
            "identities.is_bot",
        ],
        filters: "Merge requests by bots are left out. One with neither a merge nor a close time counts only while its state is open.",
        no_data: "No merge request of the scope was created before that moment.",
        aggregate: Aggregate::Sum,
        reference: "Seven days without activity: Ovia's default.",
    },
    row_table: RowTable::MergeRequests,
    rows_of: RowsOf::LastDay,
    stats: &[("open", "open merge requests by people that were no drafts")],
    coverage: &[
        ("excluded_bots", "merge requests by bots that were stale"),
        ("mapped_authors", "share of the counted rows whose author is linked to a person"),
    ],
    prepare,
};

/// Open and no draft, stale or not: not counted, but in the stats.
const OPEN: u8 = 2;

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let mut rows = Vec::new();
    for timeline in inputs.timelines.each() {
        let row = timeline.row;
        let (place, by_bot) = (inputs.place_of(row), inputs.by_bot(row));
        let mut add = |spans: Vec<(i64, i64)>, mark| {
            rows.extend(spans.into_iter().map(|(from, to)| (Span { from, to, id: row.id, since: from, mark }, place)));
        };
        let mark = if by_bot { Mark::left_out(1) } else { Mark::counted(inputs.is_mapped(row.author)) };
        add(timeline.stale_spans(inputs.settings.stale_after()), mark);
        if !by_bot {
            add(timeline.ready_spans(), Mark::left_out(OPEN));
        }
    }
    let states = States::new(inputs, rows);
    let firsts = Firsts::of_merge_requests(inputs);
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let moment = window.observed_until(inputs.as_of);
        let mut tally = Tally::default();
        states.at(scope, moment).for_each(|span| tally.add(span.id, 1.0, span.mark));
        let open = tally.by_reason[usize::from(OPEN)];
        tally.figure(&ENTRY.coverage[..1], |tally| {
            let figure = if firsts.before(scope, moment) { Figure::count_of(tally.rows).stat("open", open) } else { Figure::none() };
            figure.share("mapped_authors", tally.mapped)
        })
    })
}

#[cfg(test)]
mod tests {
    use ovia_domain::MetricKey;

    use crate::{
        ReviewEventKind::{Approval, Commit, MarkedDraft, MarkedReady, Note, System},
        Snapshot,
        testing::{Company, Mr},
    };

    const KEY: MetricKey = MetricKey::StaleMergeRequests;

    /// The week that ends on Monday 13 May 2024 at midnight, seen from June.
    fn week(company: &Company) -> Snapshot {
        company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z")
    }

    fn is_stale(mr: Mr) -> bool {
        let mut company = Company::new();
        company.merge_request(mr);
        week(&company).value == Some(1.0)
    }

    #[test]
    fn seven_days_to_the_second() {
        assert!(is_stale(Mr::at("2024-05-06T00:00:00Z")));
        assert!(!is_stale(Mr::at("2024-05-06T00:00:01Z")));
    }

    #[test]
    fn only_what_was_open_then() {
        let old = || Mr::at("2024-04-01T00:00:00Z");
        assert!(is_stale(old().merged("2024-05-13T00:00:00Z")), "merged at the very end, open before");
        assert!(!is_stale(old().merged("2024-05-12T23:59:59Z")));
        assert!(is_stale(old().closed("2024-05-20T00:00:00Z")));
        assert!(!is_stale(old().closed("2024-05-12T00:00:00Z")));
        assert!(is_stale(old().state("locked")));
        assert!(!is_stale(old().state("closed")), "closed, nobody knows when");
        assert!(!is_stale(old().state("merged")), "merged, nobody knows when");
        assert!(!is_stale(old().by_bot()));
        assert!(!is_stale(old().draft()));
    }

    #[test]
    fn any_activity_before_the_moment_keeps_it_fresh() {
        for kind in [Note, System, Approval, Commit] {
            let mut company = Company::new();
            let id = company.merge_request(Mr::at("2024-04-01T00:00:00Z"));
            company.event(id, kind, "ann", "2024-05-13T00:00:00Z");
            assert_eq!(week(&company).value, Some(1.0), "{kind:?} after the moment");
            company.event(id, kind, "ann", "2024-05-12T00:00:00Z");
            assert_eq!(week(&company).value, Some(0.0), "{kind:?} before it");
            assert_eq!(week(&company).stats["open"], 1);
        }
        assert!(!is_stale(Mr::at("2024-04-01T00:00:00Z").updated("2024-05-10T00:00:00Z")));
        for later in ["2024-05-13T00:00:00Z", "2024-05-30T00:00:00Z"] {
            assert!(is_stale(Mr::at("2024-04-01T00:00:00Z").updated(later)), "an update at the moment or later says nothing of then");
        }
    }

    #[test]
    fn draft_as_it_was_then_not_as_it_is_now() {
        let mut company = Company::new();
        let id = company.merge_request(Mr::at("2024-04-01T00:00:00Z").draft());
        company.event(id, MarkedDraft, "author", "2024-05-20T00:00:00Z");
        assert_eq!(week(&company).value, Some(1.0), "made a draft later, so none before");
        company.event(id, MarkedDraft, "author", "2024-05-02T00:00:00Z");
        assert_eq!(week(&company).value, Some(0.0));
        company.event(id, MarkedReady, "author", "2024-05-03T00:00:00Z");
        assert_eq!(week(&company).value, Some(1.0), "the last change before counts");

        let mut company = Company::new();
        let id = company.merge_request(Mr::at("2024-04-01T00:00:00Z"));
        company.event(id, MarkedReady, "author", "2024-05-20T00:00:00Z");
        assert_eq!(week(&company).value, Some(0.0), "made ready later, so a draft before");
    }

    #[test]
    fn a_window_still_going_on_is_seen_from_now() {
        let mut company = Company::new();
        let id = company.merge_request(Mr::at("2024-05-01T00:00:00Z"));
        let at = |as_of: &str| company.week(KEY, "2024-05-06", as_of);
        assert_eq!(at("2024-05-07T23:59:59Z").value, Some(0.0));
        assert_eq!((at("2024-05-08T00:00:00Z").value, at("2024-05-08T00:00:00Z").row_ids), (Some(1.0), vec![id]));
        assert_eq!(at("2024-05-08T00:00:00Z").coverage["partial"], true);
        assert_eq!(at("2024-05-13T00:00:00Z").coverage["partial"], false);
    }

    #[test]
    fn no_merge_request_yet_is_no_data() {
        let mut company = Company::new();
        company.merge_request(Mr::at("2024-05-14T00:00:00Z"));
        company.pipeline("success", Some("2024-05-07T00:00:00Z"), None);
        assert_eq!(week(&company).value, None);
    }
}

//! Which share of the finished pipelines succeeded.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};

use crate::{
    PipelineStatus, Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    scope::{ScopeIndex, micros},
    series::{Event, Mark, Series},
    snapshot::Figure,
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::PipelineSuccessRate,
        name: "Pipeline success rate",
        unit: "ratio",
        direction: Direction::HigherIsBetter,
        formula: "Successful pipelines ÷ (successful + failed) among those that finished in the window. A pipeline whose finish is not known \
                  counts when it was last updated.",
        version: 2,
        inputs: &["pipelines.status", "pipelines.finished_at", "pipelines.updated_at", "pipelines.started_by", "person_identity_links"],
        filters: "Pipelines in any other status (cancelled, skipped, manual, running …) count for neither. Pipelines started by bots count: \
                  they are not people.",
        no_data: "No pipeline succeeded or failed in the window.",
        aggregate: Aggregate::Mean,
        reference: "GitLab CI/CD analytics, success rate; cancelled and skipped pipelines left out.",
    },
    row_table: RowTable::Pipelines,
    rows_of: RowsOf::Days,
    stats: &[("numerator", "successful pipelines"), ("denominator", "successful and failed pipelines")],
    coverage: &[
        ("excluded_other_status", "pipelines of the window in any other status"),
        ("mapped_authors", "share of the counted rows that an account linked to a person started"),
    ],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let finished = inputs.facts.pipelines.iter().filter_map(|row| {
        let (value, mark) = match row.status {
            PipelineStatus::Other => (0.0, Mark::left_out(1)),
            PipelineStatus::Success => (1.0, Mark::counted(inputs.is_mapped(row.started_by))),
            PipelineStatus::Failed => (0.0, Mark::counted(inputs.is_mapped(row.started_by))),
        };
        Some((Event { at: micros(row.at()?), id: row.id, value, mark }, inputs.place(row.project, row.started_by)))
    });
    let series = Series::dated(inputs, ENTRY.definition.key, finished.collect());
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let tally = series.tally(scope, window);
        let mapped = tally.mapped;
        tally.figure(&ENTRY.coverage[..1], Figure::mean_of).share("mapped_authors", mapped)
    })
}

#[cfg(test)]
mod tests {
    use ovia_domain::MetricKey;

    use crate::testing::Company;

    const KEY: MetricKey = MetricKey::PipelineSuccessRate;

    #[test]
    fn only_success_and_failure_count() {
        let mut company = Company::new();
        for status in ["success", "success", "failed", "success", "canceled", "skipped", "manual", "running"] {
            company.pipeline(status, Some("2024-05-07T00:00:00Z"), Some("2024-05-20T00:00:00Z"));
        }
        let week = company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z");
        assert_eq!(week.value, Some(0.75));
        assert_eq!((&week.stats["numerator"], &week.stats["denominator"]), (&3.into(), &4.into()));
        assert_eq!((week.row_ids.len(), &week.coverage["excluded_other_status"]), (4, &4.into()));
    }

    #[test]
    fn the_last_update_stands_in_for_an_unknown_finish() {
        let mut company = Company::new();
        company.pipeline("failed", None, Some("2024-05-07T00:00:00Z"));
        company.pipeline("success", None, None);
        assert_eq!(company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z").value, Some(0.0));
    }

    #[test]
    fn says_how_many_of_its_pipelines_people_started() {
        let mut company = Company::new();
        for _ in 0..4 {
            company.pipeline("success", Some("2024-05-07T00:00:00Z"), None);
        }
        let (ann, stranger) = (company.account("ann"), company.account("stranger"));
        let facts = company.facts();
        let person = facts.person("ann");
        facts.person_of(ann, person, false);
        facts.pipelines[2].started_by = Some(ann);
        facts.pipelines[3].started_by = Some(stranger);
        assert_eq!(company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z").coverage["mapped_authors"], 0.25);
    }

    #[test]
    fn nothing_finished_is_no_data() {
        let mut company = Company::new();
        company.pipeline("canceled", Some("2024-05-07T00:00:00Z"), None);
        let week = company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z");
        assert_eq!(week.value, None);
        assert!(week.stats.is_empty());
    }
}

//! How likely the releases under way are to slip.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};
use serde_json::Value;

use crate::{
    Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    risk::Risks,
    scope::ScopeIndex,
    snapshot::Figure,
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::ReleaseRisk,
        name: "Release risk",
        unit: "score",
        direction: Direction::LowerIsBetter,
        formula: "The greatest risk of the releases under way at the end of the window (or now, if that is earlier). The risk of a \
                  release is \
                  the weighted mean, 0–100, of the dangers of its factors; a danger grows in proportion to what is measured and is full at \
                  the value below. Behind plan .30: share of the time from start to day of release that has passed − share of items done, \
                  full at .5. Scope change .15: items added or removed since the start ÷ items at the start, full at .5. Open bugs .15: \
                  bugs \
                  not done ÷ items, full at .5. Ageing items .15: items in progress for more than 14 days (a setting) ÷ items in progress, \
                  full at 1. Stale merge requests .10: stale ÷ open merge requests of its items, full at 1. Pipeline failures .15: \
                  failed ÷ \
                  finished pipelines of the 30 days before in the projects of those merge requests that were there by then, full at .5.",
        version: 2,
        inputs: &[
            "versions.start_on",
            "versions.release_on",
            "versions.released",
            "versions.archived",
            "projects.archived",
            "work_items.fix_version_external_ids",
            "work_items.status_category",
            "work_items.kind",
            "work_item_changes",
            "work_item_statuses.category",
            "references_found",
            "merge_requests",
            "merge_request_notes",
            "pipelines.status",
        ],
        filters: "Archived releases, releases of archived projects, epics and merge requests by bots are left out. A factor that cannot \
                  be measured leaves the mean, and its weight is shown as \
                  missing. A release belongs to its project: teams and people have none.",
        no_data: "No release with items is under way at that moment.",
        aggregate: Aggregate::Maximum,
        reference: "Ovia: weights, full values and bands are published here.",
    },
    row_table: RowTable::Versions,
    rows_of: RowsOf::Window,
    stats: &[
        ("label", "band of the score: low, medium, high"),
        ("release", "id of the release at the greatest risk"),
        ("factors", "its factors: what was measured, danger (0–100), weight, contribution; the contributions sum to the score"),
    ],
    coverage: &[("missing_weight", "weight of the factors of that release that could not be measured")],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let risks = Risks::new(inputs);
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let found = risks.at(inputs.scopes.projects_of(scope), window.observed_until(inputs.as_of));
        let rows = found.iter().map(|risk| (risk.release_id, risk.score)).collect();
        // of equal ones the first
        let worst = found.iter().rev().max_by(|a, b| a.score.total_cmp(&b.score));
        let Some(worst) = worst else { return Figure::none().covering("missing_weight", Value::Null) };
        let weights = crate::risk::WEIGHTS.iter();
        let missing: f64 = weights.filter(|row| worst.factors.iter().all(|factor| factor.factor != row.0)).map(|row| row.1).sum();
        Figure::of(Some(worst.score), rows)
            .stat("label", worst.label.clone())
            .stat("release", worst.release_id)
            .stat("factors", serde_json::to_value(&worst.factors).unwrap_or_default())
            .covering("missing_weight", missing)
    })
}

#[cfg(test)]
mod tests {
    use ovia_domain::{
        MetricKey,
        StatusCategory::{Done, InProgress},
        WorkItemKind::{Bug, Story},
    };

    use crate::{
        ItemMergeRequest, Snapshot,
        testing::{Company, Mr},
    };

    fn week(company: &Company, metric: MetricKey) -> Snapshot {
        company.week(metric, "2024-05-06", "2024-06-01T00:00:00Z")
    }

    /// Of ten days seven have passed at the end of the week; one of four items is done.
    fn company() -> (Company, i64) {
        let mut company = Company::new();
        let done = company.item(Story, "2024-05-01T00:00:00Z", &[("2024-05-07T00:00:00Z", InProgress), ("2024-05-08T00:00:00Z", Done)]);
        let going = company.item(Story, "2024-05-01T00:00:00Z", &[("2024-05-07T00:00:00Z", InProgress)]);
        let bug = company.item(Bug, "2024-05-01T00:00:00Z", &[]);
        let late = company.item(Story, "2024-05-01T00:00:00Z", &[]);
        let gone = company.item(Story, "2024-05-01T00:00:00Z", &[]);
        let items = [
            (done, None, None),
            (going, None, None),
            (bug, None, None),
            (late, Some("2024-05-09T00:00:00Z"), None),
            (gone, None, Some("2024-05-10T00:00:00Z")),
        ];
        let release = company.release(Some("2024-05-06"), Some("2024-05-15"), false, &items);
        (company, release)
    }

    #[test]
    fn scope_and_completion() {
        let (company, release) = company();
        let scope = week(&company, MetricKey::ReleaseScopeChange);
        assert_eq!((scope.value, scope.row_ids, &scope.stats["denominator"]), (Some(0.5), vec![release], &4.into()), "one came, one left");
        assert_eq!(week(&company, MetricKey::ReleaseCompletion).value, Some(0.25));
    }

    #[test]
    fn the_factors_sum_to_the_score() {
        let (company, release) = company();
        let risk = week(&company, MetricKey::ReleaseRisk);
        // behind plan: 7/10 − 1/4 = .45 → 90; scope .5 → 100; bugs 1/4 → 50; ageing 0/1 → 0; weights .30 .15 .15 .15 of .75
        let expected = (90.0 * 0.30 + 100.0 * 0.15 + 50.0 * 0.15) / 0.75;
        assert!((risk.value.unwrap_or_default() - expected).abs() < 1e-9, "{risk:?}");
        assert_eq!((risk.row_ids, &risk.stats["label"], &risk.stats["release"]), (vec![release], &"medium".into(), &release.into()));
        let parts = risk.stats["factors"].as_array().cloned().unwrap_or_default();
        let names: Vec<&str> = parts.iter().filter_map(|part| part["factor"].as_str()).collect();
        assert_eq!(names, ["behind_plan", "scope_change", "open_bugs", "ageing_items"]);
        assert!((risk.coverage["missing_weight"].as_f64().unwrap_or_default() - 0.25).abs() < 1e-9);
    }

    #[test]
    fn pipelines_count_in_projects_of_merge_requests_that_are_there() {
        let factors = |created_at: &str| {
            let (mut company, _) = company();
            let item = company.facts().work_items[0].item;
            let merge_request_id = company.merge_request(Mr::at(created_at));
            company.facts().item_merge_requests.push(ItemMergeRequest { item, merge_request_id });
            company.pipeline("failed", Some("2024-05-07T00:00:00Z"), None);
            let risk = week(&company, MetricKey::ReleaseRisk);
            let parts = risk.stats["factors"].as_array().cloned().unwrap_or_default();
            parts.iter().filter_map(|part| part["factor"].as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        assert!(factors("2024-05-06T00:00:00Z").contains(&"pipeline_failures".to_owned()));
        assert!(factors("2024-05-06T00:00:00Z").contains(&"stale_merge_requests".to_owned()));
        assert!(!factors("2024-05-20T00:00:00Z").contains(&"pipeline_failures".to_owned()), "it was not there in that week");
    }

    #[test]
    fn a_release_that_is_out_or_empty_has_no_risk() {
        let mut company = Company::new();
        let item = company.item(Story, "2024-05-01T00:00:00Z", &[]);
        company.release(Some("2024-05-01"), Some("2024-05-09"), true, &[(item, None, None)]);
        company.release(Some("2024-05-01"), Some("2024-05-20"), false, &[]);
        assert_eq!(week(&company, MetricKey::ReleaseRisk).value, None);
        assert_eq!(week(&company, MetricKey::ReleaseCompletion).value, Some(0.0), "it was under way in the week");
        assert_eq!(week(&company, MetricKey::ReleaseCompletion).coverage["excluded_empty"], 1);
    }
}

//! How often production is deployed to.

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
        key: MetricKey::DeploymentFrequency,
        name: "Deployment frequency",
        unit: "per day",
        direction: Direction::HigherIsBetter,
        formula: "Successful production deployments finished in the window ÷ days of the window; of a window still going on, the days \
                  that have \
                  begun. A deployment whose finish is not known counts when it was last updated, else when it was created. It counts \
                  for the \
                  people (and their teams) whose merge requests it first brought to production, else for the human who started it. \
                  Each deployment adds 1 ÷ days.",
        version: 3,
        inputs: &[
            "deployments.status",
            "deployments.environment_tier",
            "deployments.created_at",
            "deployments.updated_at",
            "deployments.finished_at",
            "environments.tier",
        ],
        filters: "Only status success and a production tier (a setting): the environment's own tier, else the one the deployment names. \
                  Deployments by bots count: they are not people.",
        no_data: "The scope had no production deployment, in whatever status, before the end of the window.",
        aggregate: Aggregate::Sum,
        reference: "DORA, Accelerate State of DevOps Report 2023: deployment frequency.",
    },
    row_table: RowTable::Deployments,
    rows_of: RowsOf::Window,
    stats: &[
        ("deployments", "successful production deployments"),
        ("days", "days they are divided by"),
        ("days_with_deployment", "days with at least one"),
    ],
    coverage: &[],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let deliveries = inputs.facts.deployments.iter().enumerate().filter(|(_, row)| row.is_delivery(inputs.settings));
    let delivered = deliveries.map(|(index, row)| {
        let event = Event { at: micros(row.at()), id: row.id, value: 1.0, mark: Mark::counted(false) };
        (event, inputs.place_of_deployment(index))
    });
    let series = Series::new(inputs, delivered.collect());
    let firsts = Firsts::of_deployments(inputs);
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let days = inputs.calendar.days(window, inputs.as_of);
        if days == 0 || !firsts.before(scope, window.end) {
            return Figure::none();
        }
        let events = || series.between(scope, window.start, window.end);
        let mut dates: Vec<_> =
            events().filter_map(|event| chrono::DateTime::from_timestamp_micros(event.at)).map(|at| inputs.calendar.date(at)).collect();
        dates.dedup();
        let rows: Vec<(i64, f64)> = events().map(|event| (event.id, 1.0 / days as f64)).collect();
        let deployments = rows.len();
        Figure::of(Some(deployments as f64 / days as f64), rows)
            .stat("deployments", deployments)
            .stat("days", days)
            .stat("days_with_deployment", dates.len())
    })
}

#[cfg(test)]
mod tests {
    use ovia_domain::MetricKey;

    use crate::testing::Company;

    const KEY: MetricKey = MetricKey::DeploymentFrequency;

    #[test]
    fn only_successes_on_production_count() {
        let mut company = Company::new();
        let first = company.deployment("success", Some("production"), None, "2024-05-06T00:00:00Z");
        let second = company.deployment("success", None, Some("production"), "2024-05-06T23:00:00Z");
        company.deployment("success", Some("staging"), Some("production"), "2024-05-07T00:00:00Z");
        company.deployment("success", None, None, "2024-05-07T00:00:00Z");
        for status in ["failed", "blocked", "undeployed", "completed", "running"] {
            company.deployment(status, Some("production"), None, "2024-05-08T00:00:00Z");
        }
        let week = company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z");
        assert_eq!((week.value, week.row_ids), (Some(2.0 / 7.0), vec![first, second]));
        assert_eq!(
            (&week.stats["deployments"], &week.stats["days"], &week.stats["days_with_deployment"]),
            (&2.into(), &7.into(), &1.into())
        );
    }

    #[test]
    fn a_week_going_on_is_divided_by_the_days_begun() {
        let mut company = Company::new();
        company.deployment("success", Some("production"), None, "2024-05-06T10:00:00Z");
        let week = company.week(KEY, "2024-05-06", "2024-05-07T12:00:00Z");
        assert_eq!((week.value, &week.stats["days"]), (Some(0.5), &2.into()));
    }

    #[test]
    fn zero_only_once_production_was_ever_deployed_to() {
        let mut company = Company::new();
        company.deployment("success", Some("staging"), None, "2024-05-01T00:00:00Z");
        company.deployment("failed", Some("production"), None, "2024-05-14T00:00:00Z");
        assert_eq!(company.week(KEY, "2024-05-06", "2024-06-01T00:00:00Z").value, None);
        assert_eq!(company.week(KEY, "2024-05-13", "2024-06-01T00:00:00Z").value, Some(0.0));
        assert_eq!(company.week(KEY, "2024-05-20", "2024-06-01T00:00:00Z").value, Some(0.0));
    }
}

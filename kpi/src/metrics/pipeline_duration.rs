//! How long pipelines run.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};

use crate::{
    PipelineFact, PipelineStatus, Window,
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    scope::{ScopeIndex, micros},
    series::{Event, Mark, Series},
    snapshot::hours,
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::PipelineDuration,
        name: "Pipeline duration",
        unit: "minutes",
        direction: Direction::LowerIsBetter,
        formula: "Median of finish − start over the pipelines that succeeded or failed in the window. Where one of the two times is not known, \
                  the duration the source gives. A pipeline whose finish is not known counts when it was last updated.",
        version: 2,
        inputs: &[
            "pipelines.started_at",
            "pipelines.finished_at",
            "pipelines.updated_at",
            "pipelines.duration_seconds",
            "pipelines.status",
            "pipelines.started_by",
            "person_identity_links",
        ],
        filters: "Pipelines in any other status are left out, those without a duration (which is not 0), and those that finished before they \
                  started.",
        no_data: "Nothing is left to take the median of.",
        aggregate: Aggregate::Median,
        reference: "Percentiles by linear interpolation, position (n − 1)·p: R type 7 (Hyndman and Fan, 1996).",
    },
    row_table: RowTable::Pipelines,
    rows_of: RowsOf::Days,
    stats: &[("p75", "75th percentile, minutes"), ("p90", "90th percentile, minutes")],
    coverage: &[
        ("excluded_other_status", "pipelines of the window in any other status"),
        ("excluded_without_duration", "pipelines whose duration is not known"),
        ("excluded_negative", "pipelines that finished before they started"),
        ("mapped_authors", "share of the counted rows that an account linked to a person started"),
    ],
    prepare,
};

fn prepare<'a>(inputs: &'a Inputs<'a>, _: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let finished = inputs.facts.pipelines.iter().filter_map(|row| {
        let minutes = minutes(row);
        let mark = match minutes {
            _ if row.status == PipelineStatus::Other => Mark::left_out(1),
            None => Mark::left_out(2),
            Some(minutes) if minutes < 0.0 => Mark::left_out(3),
            Some(_) => Mark::counted(inputs.is_mapped(row.started_by)),
        };
        let event = Event { at: micros(row.at()?), id: row.id, value: minutes.unwrap_or_default(), mark };
        Some((event, inputs.place(row.project, row.started_by)))
    });
    let series = Series::dated(inputs, ENTRY.definition.key, finished.collect());
    Box::new(move |scope: ScopeIndex, window: &Window| {
        let tally = series.tally(scope, window);
        let mapped = tally.mapped;
        tally.median(&ENTRY.coverage[..3]).share("mapped_authors", mapped)
    })
}

fn minutes(row: &PipelineFact) -> Option<f64> {
    let timed = row.started_at.zip(row.finished_at).map(|(from, to)| hours(from, to) * 60.0);
    timed.or_else(|| row.duration_seconds.map(|seconds| f64::from(seconds) / 60.0))
}

#[cfg(test)]
mod tests {
    use ovia_domain::MetricKey;

    use crate::testing::{Company, utc};

    #[test]
    fn a_pipeline_without_a_duration_does_not_last_0() {
        let mut company = Company::new();
        for status in ["success", "failed", "success", "success", "canceled"] {
            company.pipeline(status, Some("2024-05-07T01:00:00Z"), None);
        }
        let rows = &mut company.facts().pipelines;
        rows[0].started_at = Some(utc("2024-05-07T00:30:00Z"));
        rows[1].duration_seconds = Some(600.0);
        rows[3].started_at = Some(utc("2024-05-07T01:00:01Z"));
        rows[4].duration_seconds = Some(1.0);
        let week = company.week(MetricKey::PipelineDuration, "2024-05-06", "2024-06-01T00:00:00Z");
        assert_eq!((week.value, week.row_values.clone()), (Some(20.0), vec![30.0, 10.0]));
        let left_out = ["excluded_without_duration", "excluded_negative", "excluded_other_status"].map(|name| week.coverage[name].clone());
        assert_eq!(left_out, [1, 1, 1].map(serde_json::Value::from));
    }
}

//! One number for how delivery goes, made of published parts.

use ovia_domain::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};
use serde_json::{Value, json};

use crate::{
    Window,
    bands::{bands_of, of},
    inputs::Inputs,
    registry::{Measure, Measures, MetricEntry, RowsOf},
    scope::ScopeIndex,
    snapshot::Figure,
};

pub(crate) const ENTRY: MetricEntry = MetricEntry {
    definition: MetricDefinition {
        key: MetricKey::DeliveryHealth,
        name: "Delivery health",
        unit: "score",
        direction: Direction::HigherIsBetter,
        formula: "Weighted mean, 0–100, of the scores of six parts, each the score of the band its value falls into: throughput trend .20 \
                  (merge_throughput ÷ that of the window before; of a window still going on, of as much of the window before), \
                  lead_time_for_changes .20, time_to_first_review .20, pipeline_success_rate .15, change_failure_rate .15, stale share .10 \
                  (stale_merge_requests ÷ open ones). The weights are a setting; so are the bands, which are published below.",
        version: 2,
        inputs: &[
            "kpi_snapshots",
            "merge_throughput",
            "lead_time_for_changes",
            "time_to_first_review",
            "pipeline_success_rate",
            "change_failure_rate",
            "stale_merge_requests",
        ],
        filters: "A part without data leaves the mean, and its weight is shown as missing. It is no measure of a person: people have none.",
        no_data: "No part has data.",
        aggregate: Aggregate::Composite,
        reference: "Ovia: weights and bands are published here; bands of DORA metrics follow DORA.",
    },
    row_table: RowTable::KpiSnapshots,
    rows_of: RowsOf::Window,
    stats: &[
        ("label", "band of the score"),
        ("parts", "its parts: value, band, score, weight, contribution; the contributions sum to the score"),
    ],
    coverage: &[("missing_weight", "share of the weights whose parts have no data")],
    prepare,
};

/// Parts in the order of the weights, with the key of their bands.
const PARTS: [(&str, &str); 6] = [
    ("throughput_trend", "delivery_health.throughput_trend"),
    ("lead_time", "lead_time_for_changes"),
    ("time_to_first_review", "time_to_first_review"),
    ("pipeline_success", "pipeline_success_rate"),
    ("change_failure", "change_failure_rate"),
    ("stale_share", "delivery_health.stale_share"),
];

fn prepare<'a>(inputs: &'a Inputs<'a>, measures: &Measures<'a>) -> Box<dyn Measure + 'a> {
    let measure = |key| measures.of(key).clone();
    let merged = measure(MetricKey::MergeThroughput);
    let stale = measure(MetricKey::StaleMergeRequests);
    let plain = [MetricKey::LeadTimeForChanges, MetricKey::TimeToFirstReview, MetricKey::PipelineSuccessRate, MetricKey::ChangeFailureRate]
        .map(measure);
    let weights = inputs.settings.health_weights.list();
    let total: f64 = weights.iter().sum();
    Box::new(move |scope: ScopeIndex, window: &Window| {
        if inputs.scopes.is_person(scope) {
            return Figure::none().covering("missing_weight", 1.0);
        }
        let before = inputs.calendar.previous(window, inputs.as_of);
        let trend = merged.figure(scope, window).value.zip(merged.figure(scope, &before).value).filter(|(_, before)| *before > 0.0);
        let open = stale.figure(scope, window);
        let share = open.value.zip(open.stats.get("open").and_then(Value::as_f64)).filter(|(_, open)| *open > 0.0);
        let [lead_time, first_review, pipelines, failures] = plain.each_ref().map(|measure| measure.figure(scope, window).value);
        let ratio = |(part, whole): (f64, f64)| part / whole;
        let values = [trend.map(ratio), lead_time, first_review, pipelines, failures, share.map(ratio)];
        let scored: Vec<_> = PARTS
            .into_iter()
            .zip(values)
            .zip(weights)
            .filter_map(|((part, value), weight)| Some((part, value?, of(bands_of(inputs.settings, part.1), value?)?, weight)))
            .collect();
        let present: f64 = scored.iter().map(|part| part.3).sum();
        let missing = ((total - present) / total).max(0.0);
        if present <= 0.0 {
            return Figure::none().covering("missing_weight", missing);
        }
        let (mut score, mut parts) = (0.0, Vec::with_capacity(PARTS.len()));
        for ((part, _), value, band, weight) in scored {
            let contribution = band.score * weight / present;
            score += contribution;
            parts.push(json!({
                "part": part, "value": value, "band": band.label, "score": band.score, "weight": weight / present, "contribution": contribution,
            }));
        }
        let label = of(bands_of(inputs.settings, ENTRY.definition.key.as_str()), score).map(|band| band.label.clone());
        Figure::of(Some(score), Vec::new()).stat("label", label).stat("parts", parts).covering("missing_weight", missing)
    })
}

#[cfg(test)]
mod tests {
    use ovia_domain::MetricKey;

    use crate::{
        Snapshot,
        testing::{Company, Mr},
    };

    fn week(company: &Company) -> Snapshot {
        company.week(MetricKey::DeliveryHealth, "2024-05-06", "2024-06-01T00:00:00Z")
    }

    #[test]
    fn absent_parts_leave_the_mean_and_their_weight_is_missing() {
        let mut company = Company::new();
        company.pipeline("canceled", Some("2024-05-07T00:00:00Z"), None);
        assert_eq!((week(&company).value, &week(&company).coverage["missing_weight"]), (None, &1.0.into()));
        for status in ["success", "success", "success", "failed"] {
            company.pipeline(status, Some("2024-05-07T00:00:00Z"), None);
        }
        let only = week(&company);
        assert_eq!((only.value, &only.stats["label"]), (Some(40.0), &"poor".into()), "pipelines at .75 are poor");
        assert!((only.coverage["missing_weight"].as_f64().unwrap_or_default() - 0.85).abs() < 1e-9);
        // two merged after one the week before: the trend is 2 → 100 points, weight .20 to the pipelines' .15
        for day in ["2024-05-01", "2024-05-07", "2024-05-08"] {
            company.merge_request(Mr::at("2024-04-30T00:00:00Z").merged(&format!("{day}T00:00:00Z")));
        }
        let both = week(&company);
        let expected = (100.0 * 0.20 + 40.0 * 0.15) / 0.35;
        assert!((both.value.unwrap_or_default() - expected).abs() < 1e-9, "{both:?}");
        let parts = both.stats["parts"].as_array().cloned().unwrap_or_default();
        assert_eq!(parts.iter().filter_map(|part| part["part"].as_str()).collect::<Vec<_>>(), ["throughput_trend", "pipeline_success"]);
    }

    #[test]
    fn stale_share_is_of_the_open_ones() {
        let mut company = Company::new();
        company.merge_request(Mr::at("2024-04-01T00:00:00Z"));
        company.merge_request(Mr::at("2024-05-12T00:00:00Z"));
        let health = week(&company);
        assert_eq!(health.stats["parts"][0]["value"], 0.5);
        assert_eq!(health.value, Some(10.0));
    }
}

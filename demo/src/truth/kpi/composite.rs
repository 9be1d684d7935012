//! One number for how delivery goes.

use serde_json::{Value, json};

use super::MetricTruth;
use super::view::View;
use super::windows::Window;
use super::world::Scope;

/// Up to a value (inclusive), a label and a score.
type Bands = &'static [(f64, &'static str, f64)];
const END: f64 = f64::INFINITY;
const TREND: Bands = &[(0.5, "collapsed", 0.0), (0.8, "falling", 40.0), (0.95, "slightly falling", 75.0), (END, "steady or rising", 100.0)];
const LEAD_TIME: Bands = &[(24.0, "elite", 100.0), (168.0, "high", 75.0), (730.0, "medium", 50.0), (END, "low", 25.0)];
const FIRST_REVIEW: Bands = &[(4.0, "fast", 100.0), (24.0, "good", 75.0), (72.0, "slow", 40.0), (END, "very slow", 10.0)];
const PIPELINES: Bands = &[(0.5, "broken", 0.0), (0.75, "poor", 40.0), (0.9, "fair", 75.0), (END, "good", 100.0)];
const FAILURES: Bands = &[(0.05, "elite", 100.0), (0.1, "high", 75.0), (0.15, "medium", 50.0), (END, "low", 25.0)];
const STALE: Bands = &[(0.05, "low", 100.0), (0.15, "some", 75.0), (0.3, "many", 40.0), (END, "most", 10.0)];
const HEALTH: Bands = &[(40.0, "poor", 0.0), (70.0, "fair", 50.0), (END, "good", 100.0)];

fn band(bands: Bands, value: f64) -> (&'static str, f64) {
    bands.iter().find(|band| value <= band.0).map_or(("", 0.0), |band| (band.1, band.2))
}

impl View<'_> {
    pub(super) fn delivery_health(&self, window: &Window) -> MetricTruth {
        if matches!(self.scope, Scope::Person(_)) {
            return self.figure("delivery_health", window, None, Vec::new()).covering("missing_weight", json!(1.0));
        }
        let question = self.world.question;
        let before = self.merge_throughput(&window.before(question.as_of, question.time_zone)).value.filter(|before| *before > 0.0);
        let trend = self.merge_throughput(window).value.zip(before).map(|(now, before)| now / before);
        let stale = self.stale_merge_requests(window);
        let open = stale.stats.get("open").and_then(Value::as_f64).filter(|open| *open > 0.0);
        let parts: [(&str, Bands, f64, Option<f64>); 6] = [
            ("throughput_trend", TREND, 0.20, trend),
            ("lead_time", LEAD_TIME, 0.20, self.lead_time_for_changes(window).value),
            ("time_to_first_review", FIRST_REVIEW, 0.20, self.time_to_first_review(window).value),
            ("pipeline_success", PIPELINES, 0.15, self.pipeline_success_rate(window).value),
            ("change_failure", FAILURES, 0.15, self.change_failure_rate(window).value),
            ("stale_share", STALE, 0.10, stale.value.zip(open).map(|(stale, open)| stale / open)),
        ];
        let present: f64 = parts.iter().filter(|part| part.3.is_some()).map(|part| part.2).sum();
        let (mut score, mut shown) = (0.0, Vec::new());
        for (name, bands, weight, value) in parts {
            let Some(value) = value else { continue };
            let (label, points) = band(bands, value);
            let contribution = points * weight / present;
            score += contribution;
            let part = json!({"part": name, "value": value, "band": label, "score": points, "weight": weight / present, "contribution": contribution});
            shown.push(part);
        }
        let value = (!shown.is_empty()).then_some(score);
        let figure = self.figure("delivery_health", window, value, Vec::new()).covering("missing_weight", json!(1.0 - present));
        if shown.is_empty() { figure } else { figure.stat("label", json!(band(HEALTH, score).0)).stat("parts", json!(shown)) }
    }
}

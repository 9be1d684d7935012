//! Metrics in words, from the registry.

use ovia_domain::MetricKey;
use ovia_kpi::{KpiSettings, bands_of, metric, published_bands};
use poem_openapi::Object;

/// What a metric means.
#[derive(Object)]
#[oai(rename = "MetricDefinition")]
pub(crate) struct DefinitionOut {
    metric: String,
    name: String,
    /// `count`, `hours`, `ratio`, `per day` …
    unit: String,
    /// `higher_is_better`, `lower_is_better`, `neutral`.
    direction: String,
    /// The formula in words.
    formula: String,
    /// Raised whenever the formula, a filter or an input changes.
    version: i32,
    /// Columns it is computed from, as `merge_requests.merged_at`.
    inputs: Vec<String>,
    /// What is left out.
    filters: String,
    /// When there is no figure. No data is never 0.
    no_data: String,
    /// How the values of a figure's rows make the figure: `sum`, `mean`, `median`, `maximum`; `composite` has no rows of its own.
    aggregate: String,
    /// Where the formula is from.
    reference: String,
    /// The table a figure's rows are of.
    row_table: String,
    stats: Vec<TermOut>,
    coverage: Vec<TermOut>,
    /// Ascending; empty where the metric has none.
    bands: Vec<BandOut>,
    /// Who says so; null where there are no bands. `organisation` where it has set its own.
    bands_owner: Option<String>,
}

/// A name within `stats` or `coverage`.
#[derive(Object)]
#[oai(rename = "MetricTerm")]
struct TermOut {
    name: String,
    meaning: String,
}

/// What a value is called.
#[derive(Object)]
#[oai(rename = "MetricBand")]
pub(crate) struct BandOut {
    label: String,
    /// Values up to this one; null: without end.
    up_to: Option<f64>,
    /// What it is worth in `delivery_health`, 0 to 100.
    score: f64,
}

impl DefinitionOut {
    pub(super) fn new(key: MetricKey, settings: &KpiSettings) -> Self {
        let entry = metric(key);
        let definition = &entry.definition;
        let terms = |terms: &[(&str, &str)]| {
            terms.iter().map(|(name, meaning)| TermOut { name: (*name).to_owned(), meaning: (*meaning).to_owned() }).collect()
        };
        let own = settings.bands.contains_key(key.as_str());
        let published = published_bands(key.as_str()).map(|bands| bands.owner.clone());
        Self {
            metric: key.as_str().to_owned(),
            name: definition.name.to_owned(),
            unit: definition.unit.to_owned(),
            direction: match definition.direction {
                ovia_domain::Direction::HigherIsBetter => "higher_is_better",
                ovia_domain::Direction::LowerIsBetter => "lower_is_better",
                ovia_domain::Direction::Neutral => "neutral",
            }
            .to_owned(),
            formula: definition.formula.to_owned(),
            version: definition.version,
            inputs: definition.inputs.iter().map(|input| (*input).to_owned()).collect(),
            filters: definition.filters.to_owned(),
            no_data: definition.no_data.to_owned(),
            aggregate: definition.aggregate.as_str().to_owned(),
            reference: definition.reference.to_owned(),
            row_table: entry.row_table.as_str().to_owned(),
            stats: terms(entry.stats),
            coverage: terms(entry.coverage),
            bands: bands_of(settings, key.as_str())
                .iter()
                .map(|band| BandOut { label: band.label.clone(), up_to: band.up_to, score: band.score })
                .collect(),
            bands_owner: if own { Some("organisation".to_owned()) } else { published },
        }
    }
}

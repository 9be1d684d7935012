//! What a value is called and how many points it is worth. The bands are data (`data/bands.json`); an organisation may set its own.

use std::{collections::BTreeMap, sync::LazyLock};

use ovia_domain::MetricKey;
use serde::Deserialize;

use crate::{BandSetting, KpiSettings};

/// The published bands of one metric (or part of one), ascending.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bands {
    /// Who says so.
    pub owner: String,
    pub bands: Vec<BandSetting>,
}

static PUBLISHED: LazyLock<BTreeMap<String, Bands>> = LazyLock::new(|| read(include_str!("../data/bands.json")));

fn read(text: &str) -> BTreeMap<String, Bands> {
    // the file is compiled in, and a test reads it
    serde_json::from_str(text).unwrap_or_default()
}

/// The published bands of a metric's key, or of a part of `delivery_health` (`delivery_health.stale_share`).
pub fn published_bands(key: &str) -> Option<&'static Bands> {
    PUBLISHED.get(key)
}

/// Keys with bands, ascending.
pub fn banded_keys() -> impl Iterator<Item = &'static str> {
    PUBLISHED.keys().map(String::as_str)
}

/// The bands of a key for one organisation: its own, else the published ones.
pub fn bands_of<'a>(settings: &'a KpiSettings, key: &str) -> &'a [BandSetting] {
    settings.bands.get(key).map(Vec::as_slice).or_else(|| published_bands(key).map(|bands| bands.bands.as_slice())).unwrap_or_default()
}

/// The band a value of `metric` falls into, if the metric has bands.
pub fn band(settings: &KpiSettings, metric: MetricKey, value: f64) -> Option<&BandSetting> {
    of(bands_of(settings, metric.as_str()), value)
}

pub(crate) fn of(bands: &[BandSetting], value: f64) -> Option<&BandSetting> {
    bands.iter().find(|band| band.up_to.is_none_or(|end| value <= end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_bands_are_usable() {
        assert!(!PUBLISHED.is_empty());
        for (key, bands) in PUBLISHED.iter() {
            assert!(!bands.owner.is_empty());
            let mut settings = KpiSettings::default();
            settings.bands.insert(key.clone(), bands.bands.clone());
            assert_eq!(settings.validate(), Ok(()), "{key}");
        }
        for metric in ["lead_time_for_changes", "deployment_frequency", "change_failure_rate", "failed_deployment_recovery_time"] {
            assert!(published_bands(metric).is_some_and(|bands| bands.owner.contains("DORA") && bands.owner.contains("2023")), "{metric}");
        }
    }

    #[test]
    fn the_end_of_a_band_is_in_it_and_an_organisation_may_differ() {
        let mut settings = KpiSettings::default();
        let label = |settings: &KpiSettings, hours| band(settings, MetricKey::LeadTimeForChanges, hours).map(|band| band.label.clone());
        assert_eq!(label(&settings, 24.0).as_deref(), Some("elite"));
        assert_eq!(label(&settings, 24.1).as_deref(), Some("high"));
        assert_eq!(label(&settings, 1e9).as_deref(), Some("low"));
        assert_eq!(band(&settings, MetricKey::MergeThroughput, 1.0), None);
        let own = vec![BandSetting { label: "ours".to_owned(), up_to: None, score: 1.0 }];
        settings.bands.insert("lead_time_for_changes".to_owned(), own);
        assert_eq!(label(&settings, 24.0).as_deref(), Some("ours"));
    }
}

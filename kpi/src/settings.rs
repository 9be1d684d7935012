//! What an organisation may decide about its figures. Everything else is the registry's.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::{EnvironmentTier, item_filter};

/// Settings of one organisation; what is absent is as in [`KpiSettings::default`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KpiSettings {
    /// IANA name, as `Europe/Berlin`: where days begin.
    pub time_zone: String,
    /// An open merge request without activity for this many days is stale.
    pub stale_after_days: u32,
    /// An item in progress for longer than this many days is ageing.
    pub ageing_after_days: u32,
    /// Tiers of environments that count as production.
    pub production_tiers: Vec<EnvironmentTier>,
    /// Names of item types that are incidents, in any case (`Incident`).
    pub incident_types: Vec<String>,
    /// Labels that make an item an incident, in any case.
    pub incident_labels: Vec<String>,
    /// What else are incidents, each in the manner of JQL: `project = OPS AND priority in (P1, P2)`. Fields are `project` (full path; of
    /// Jira its key), `type`, `status`, `priority`, `labels`, `component`; operators `=`, `!=`, `in (…)`, `not in (…)`, `is empty`, `is not empty`.
    pub incident_filters: Vec<String>,
    /// Labels that make a merge request a hotfix, in any case.
    pub hotfix_labels: Vec<String>,
    /// Source branches of hotfixes begin with one of these, in any case.
    pub hotfix_branches: Vec<String>,
    /// An incident is put down to a deployment at most this many hours before it.
    pub attribution_window_hours: u32,
    /// Components or labels of items (in any case), and the full paths of the code projects they stand for.
    pub services: BTreeMap<String, Vec<String>>,
    /// A median or a share of fewer rows says that they are few; 0: never.
    pub min_rows: u32,
    /// A figure says so if less than this share (0–1) of its rows is mapped, linked or complete.
    pub min_coverage: f64,
    /// A figure is stale after so many syncs that were due and did not come (days, of a connection without a schedule).
    pub stale_after_syncs: u32,
    /// Figures of a team that had fewer people than this in the window are for those only who may see figures of single people: of two,
    /// each knows what is the other's. 4, as reports on groups commonly withhold what is of three or fewer. 1: of any team.
    pub min_team_size: u32,
    /// Weights of the parts of `delivery_health`.
    pub health_weights: HealthWeights,
    /// Bands by metric key, instead of the registry's. Ascending in value.
    pub bands: BTreeMap<String, Vec<BandSetting>>,
}

/// Shares of the parts of `delivery_health`. Only their proportions matter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthWeights {
    pub throughput_trend: f64,
    pub lead_time: f64,
    pub time_to_first_review: f64,
    pub pipeline_success: f64,
    pub change_failure: f64,
    pub stale_share: f64,
}

/// Up to `up_to` (inclusive; `None`: without end) a value is worth `score` (0–100) and called `label`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandSetting {
    pub label: String,
    pub up_to: Option<f64>,
    pub score: f64,
}

impl Default for HealthWeights {
    fn default() -> Self {
        Self {
            throughput_trend: 0.20,
            lead_time: 0.20,
            time_to_first_review: 0.20,
            pipeline_success: 0.15,
            change_failure: 0.15,
            stale_share: 0.10,
        }
    }
}

impl Default for KpiSettings {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            time_zone: "UTC".to_owned(),
            stale_after_days: 7,
            ageing_after_days: 14,
            production_tiers: vec![EnvironmentTier::Production],
            incident_types: texts(&["incident"]),
            incident_labels: texts(&["incident"]),
            incident_filters: Vec::new(),
            hotfix_labels: texts(&["hotfix"]),
            hotfix_branches: texts(&["hotfix/", "hotfix-"]),
            attribution_window_hours: 24,
            services: BTreeMap::new(),
            min_rows: 5,
            min_coverage: 0.8,
            stale_after_syncs: 3,
            min_team_size: 4,
            health_weights: HealthWeights::default(),
            bands: BTreeMap::new(),
        }
    }
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct SettingsError {
    /// As in JSON: `bands.lead_time_for_changes`.
    pub field: String,
    /// A sentence without its full stop.
    pub problem: String,
}

/// Longer than this nothing is called stale, ageing or an incident's cause.
const MAX_DAYS: u32 = 365;
/// More rows are never few.
const MAX_ROWS: u32 = 1_000;
/// After so many syncs that did not come data is stale, whatever is set.
const MAX_SYNCS: u32 = 100;

/// Each is looked at for every item.
const MAX_FILTERS: usize = 20;

/// A team may be asked to have this many people at most.
const MAX_TEAM: u32 = 1_000;

impl KpiSettings {
    /// Refuses what cannot be computed with.
    ///
    /// # Errors
    ///
    /// The first field that is wrong: an unknown time zone, days, hours, rows, shares, syncs or people out of range, no production tier, empty
    /// names, filters that cannot be read, weights that are negative or all zero, bands of an unknown metric, without order or with scores outside 0–100.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let wrong = |field: &str, problem: &str| Err(SettingsError { field: field.to_owned(), problem: problem.to_owned() });
        if self.time_zone.parse::<Tz>().is_err() {
            return wrong("time_zone", "is no IANA time zone, as Europe/Berlin");
        }
        for (field, days) in [("stale_after_days", self.stale_after_days), ("ageing_after_days", self.ageing_after_days)] {
            if !(1..=MAX_DAYS).contains(&days) {
                return wrong(field, "must be between 1 and 365");
            }
        }
        if !(1..=MAX_DAYS * 24).contains(&self.attribution_window_hours) {
            return wrong("attribution_window_hours", "must be between 1 and 8760");
        }
        if self.min_rows > MAX_ROWS {
            return wrong("min_rows", "must be between 0 and 1000");
        }
        if !(0.0..=1.0).contains(&self.min_coverage) {
            return wrong("min_coverage", "must be between 0 and 1");
        }
        if !(1..=MAX_SYNCS).contains(&self.stale_after_syncs) {
            return wrong("stale_after_syncs", "must be between 1 and 100");
        }
        if !(1..=MAX_TEAM).contains(&self.min_team_size) {
            return wrong("min_team_size", "must be between 1 and 1000");
        }
        if self.production_tiers.is_empty() {
            return wrong("production_tiers", "must name at least one tier");
        }
        let lists = [
            ("incident_types", &self.incident_types),
            ("incident_labels", &self.incident_labels),
            ("hotfix_labels", &self.hotfix_labels),
            ("hotfix_branches", &self.hotfix_branches),
        ];
        if let Some((field, _)) = lists.iter().find(|(_, names)| names.iter().any(|name| name.trim().is_empty())) {
            return wrong(field, "must not hold an empty name");
        }
        if self.incident_filters.len() > MAX_FILTERS {
            return wrong("incident_filters", "must be at most 20");
        }
        for (index, filter) in self.incident_filters.iter().enumerate() {
            if let Err(error) = item_filter::jsonpath(filter) {
                return wrong(&format!("incident_filters.{index}"), &error.to_string());
            }
        }
        let weights = self.health_weights.list();
        if weights.iter().any(|weight| !weight.is_finite() || *weight < 0.0) || weights.iter().sum::<f64>() <= 0.0 {
            return wrong("health_weights", "must be 0 or more each, and not all 0");
        }
        self.bands.iter().try_for_each(|(key, bands)| match bands_problem(key, bands) {
            Some(problem) => wrong(&format!("bands.{key}"), problem),
            None => Ok(()),
        })
    }

    /// The time zone days begin in; UTC where [`Self::validate`] would refuse it.
    pub fn tz(&self) -> Tz {
        self.time_zone.parse().unwrap_or(Tz::UTC)
    }

    /// Whether an item of this type with these labels is an incident.
    pub fn is_incident<'a>(&self, type_name: &str, labels: impl IntoIterator<Item = &'a str>) -> bool {
        holds(&self.incident_types, type_name) || labels.into_iter().any(|label| holds(&self.incident_labels, label))
    }

    /// PostgreSQL's `jsonpath` of what else are incidents, as its function `item_matches` takes it. `None`: nothing, also where
    /// [`Self::validate`] would refuse a filter.
    pub fn incident_jsonpath(&self) -> Option<String> {
        let paths: Vec<String> = self.incident_filters.iter().filter_map(|filter| item_filter::jsonpath(filter).ok()).collect();
        (!paths.is_empty()).then(|| paths.join(" || "))
    }

    /// Whether a merge request from this branch with these labels is a hotfix.
    pub fn is_hotfix<'a>(&self, source_branch: Option<&str>, labels: impl IntoIterator<Item = &'a str>) -> bool {
        let branch = source_branch.unwrap_or_default().to_lowercase();
        self.hotfix_branches.iter().any(|begin| branch.starts_with(&begin.to_lowercase()))
            || labels.into_iter().any(|label| holds(&self.hotfix_labels, label))
    }

    /// Full paths of the code projects that an item with these components and labels concerns.
    pub fn concerns<'a>(&'a self, names: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
        names.into_iter().flat_map(|name| {
            let of_name = move |service: &&'a String| service.to_lowercase() == name.to_lowercase();
            self.services.iter().filter(move |(service, _)| of_name(service)).flat_map(|(_, paths)| paths.iter().map(String::as_str))
        })
    }

    pub fn stale_after(&self) -> TimeDelta {
        TimeDelta::days(i64::from(self.stale_after_days))
    }

    pub(crate) fn attribution_window(&self) -> TimeDelta {
        TimeDelta::hours(i64::from(self.attribution_window_hours))
    }
}

impl HealthWeights {
    /// In the order of the fields.
    pub(crate) fn list(&self) -> [f64; 6] {
        [self.throughput_trend, self.lead_time, self.time_to_first_review, self.pipeline_success, self.change_failure, self.stale_share]
    }
}

fn holds(names: &[String], name: &str) -> bool {
    let name = name.to_lowercase();
    names.iter().any(|known| known.to_lowercase() == name)
}

fn bands_problem(key: &str, bands: &[BandSetting]) -> Option<&'static str> {
    let ends: Vec<f64> = bands.iter().map(|band| band.up_to.unwrap_or(f64::INFINITY)).collect();
    match () {
        () if ovia_domain::MetricKey::parse(key).is_none() && crate::published_bands(key).is_none() => Some("is no metric"),
        () if bands.is_empty() => Some("must hold at least one band"),
        () if ends.iter().any(|end| end.is_nan()) || !ends.is_sorted_by(|a, b| a < b) => Some("must rise in up_to"),
        () if ends.last().is_some_and(|end| end.is_finite()) => Some("must end with a band without up_to"),
        () if bands.iter().any(|band| !(0.0..=100.0).contains(&band.score)) => Some("must have scores from 0 to 100"),
        () if bands.iter().any(|band| band.label.trim().is_empty()) => Some("must have labels"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(change: impl FnOnce(&mut KpiSettings)) -> Result<(), String> {
        let mut settings = KpiSettings::default();
        change(&mut settings);
        settings.validate().map_err(|error| error.field)
    }

    #[test]
    fn defaults_are_valid_and_absent_fields_are_defaults() {
        assert_eq!(KpiSettings::default().validate(), Ok(()));
        let read: KpiSettings = serde_json::from_str(r#"{"stale_after_days": 3}"#).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(read, KpiSettings { stale_after_days: 3, ..KpiSettings::default() });
        assert!(serde_json::from_str::<KpiSettings>(r#"{"stale_days": 3}"#).is_err(), "a misspelt field is told");
    }

    #[test]
    fn what_cannot_be_computed_with_is_refused() {
        let refused = |change: fn(&mut KpiSettings)| changed(change).err().unwrap_or_default();
        assert_eq!(refused(|settings| settings.time_zone = "Middle/Earth".to_owned()), "time_zone");
        assert_eq!(refused(|settings| settings.stale_after_days = 0), "stale_after_days");
        assert_eq!(refused(|settings| settings.ageing_after_days = 366), "ageing_after_days");
        assert_eq!(refused(|settings| settings.attribution_window_hours = 0), "attribution_window_hours");
        assert_eq!(refused(|settings| settings.min_rows = 1_001), "min_rows");
        assert_eq!(refused(|settings| settings.min_coverage = f64::NAN), "min_coverage");
        assert_eq!(refused(|settings| settings.stale_after_syncs = 0), "stale_after_syncs");
        assert_eq!(refused(|settings| settings.min_team_size = 0), "min_team_size");
        assert_eq!(refused(|settings| settings.production_tiers.clear()), "production_tiers");
        assert_eq!(refused(|settings| settings.incident_labels.push(" ".to_owned())), "incident_labels");
        assert_eq!(refused(|settings| settings.incident_filters = vec!["type = a".to_owned(), "type".to_owned()]), "incident_filters.1");
        assert_eq!(refused(|settings| settings.incident_filters = vec!["type = a".to_owned(); 21]), "incident_filters");
        assert_eq!(refused(|settings| settings.health_weights.lead_time = -1.0), "health_weights");
        let band = |up_to, score| BandSetting { label: "fine".to_owned(), up_to, score };
        for (bands, fine) in [
            (vec![band(Some(1.0), 100.0), band(None, 0.0)], true),
            (vec![], false),
            (vec![band(Some(1.0), 100.0)], false),
            (vec![band(Some(2.0), 100.0), band(Some(1.0), 50.0), band(None, 0.0)], false),
            (vec![band(None, 101.0)], false),
        ] {
            assert_eq!(changed(|settings| drop(settings.bands.insert("cycle_time".to_owned(), bands))).is_ok(), fine);
        }
        assert!(changed(|settings| drop(settings.bands.insert("speed".to_owned(), vec![band(None, 1.0)]))).is_err());
    }

    #[test]
    fn incidents_hotfixes_and_services_are_told_in_any_case() {
        let mut settings = KpiSettings::default();
        assert!(
            settings.is_incident("INCIDENT", []) && settings.is_incident("Bug", ["x", "Incident"]) && !settings.is_incident("Bug", ["x"])
        );
        assert!(
            settings.is_hotfix(Some("Hotfix/login"), [])
                && settings.is_hotfix(None, ["HOTFIX"])
                && !settings.is_hotfix(Some("fix/hotfix"), [])
        );
        settings.services.insert("Checkout".to_owned(), vec!["shop/checkout".to_owned(), "shop/payments".to_owned()]);
        assert_eq!(settings.concerns(["web", "checkout"]).collect::<Vec<_>>(), ["shop/checkout", "shop/payments"]);
    }
}

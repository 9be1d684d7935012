//! Settings of a Jira Cloud connection.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{SettingsError, check_range, parsed};
use crate::WorkItemKind;

/// The longest key Jira allows is ten characters unless an administrator raised it; nobody raises it beyond this.
const MAX_KEY_CHARS: usize = 64;

/// Settings of a Jira connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JiraSettings {
    /// Trimmed, upper case, not empty, no duplicates.
    pub project_keys: Vec<String>,
    /// The first sync fetches issues updated in so many days before it; `None`: all of them.
    pub sync_window_days: Option<u32>,
    /// By name or id of an issue type. What is not named here is recognised by its hierarchy level and usual names.
    pub type_mapping: BTreeMap<String, WorkItemKind>,
    /// Labels that begin with one of these name a release, where an issue has no fix version.
    pub release_label_prefixes: Vec<String>,
    /// Fetch changelogs and worklogs.
    pub details: bool,
    pub page_size: u32,
    pub max_in_flight: u32,
}

impl Default for JiraSettings {
    fn default() -> Self {
        Self {
            project_keys: Vec::new(),
            sync_window_days: None,
            type_mapping: BTreeMap::new(),
            release_label_prefixes: Vec::new(),
            details: true,
            page_size: 100,
            max_in_flight: 8,
        }
    }
}

impl JiraSettings {
    /// Parses and checks `settings` of a connection.
    pub fn parse(value: &Value) -> Result<Self, SettingsError> {
        let mut settings: Self = parsed(value, &[])?;
        settings.project_keys = keys(&settings.project_keys)?;
        settings.release_label_prefixes = prefixes(&settings.release_label_prefixes)?;
        settings.type_mapping = types(&settings.type_mapping)?;
        check_range("sync_window_days", settings.sync_window_days.unwrap_or(1), 1, 36_500)?;
        check_range("page_size", settings.page_size, 1, 100)?;
        check_range("max_in_flight", settings.max_in_flight, 1, 32)?;
        Ok(settings)
    }

    /// What `type_mapping` says about a type; its id counts before its name, and names are compared without regard to case.
    pub fn mapped_type(&self, id: Option<&str>, name: &str) -> Option<WorkItemKind> {
        let by_id = id.and_then(|id| self.type_mapping.get(id));
        let named = || self.type_mapping.iter().find(|(key, _)| key.to_lowercase() == name.trim().to_lowercase()).map(|(_, kind)| kind);
        by_id.or_else(named).copied()
    }
}

fn keys(given: &[String]) -> Result<Vec<String>, SettingsError> {
    let mut out: Vec<String> = Vec::new();
    for (index, item) in given.iter().enumerate() {
        let key = item.trim().to_uppercase();
        let field = format!("project_keys[{index}]");
        if key.is_empty() {
            return Err(SettingsError { field, message: "it is empty; a project key like `WEB` is expected".into() });
        }
        let is_key = key.chars().all(|c| c.is_alphanumeric() || c == '_') && key.chars().next().is_some_and(char::is_alphabetic);
        if !is_key || key.chars().count() > MAX_KEY_CHARS {
            return Err(SettingsError { field, message: format!("`{item}` is not a project key like `WEB`") });
        }
        if !out.contains(&key) {
            out.push(key);
        }
    }
    if out.is_empty() {
        return Err(SettingsError::new("project_keys", "name at least one project by its key, as `WEB`"));
    }
    Ok(out)
}

fn prefixes(given: &[String]) -> Result<Vec<String>, SettingsError> {
    let mut out: Vec<String> = Vec::new();
    for (index, item) in given.iter().enumerate() {
        let prefix = item.trim();
        if prefix.is_empty() {
            let field = format!("release_label_prefixes[{index}]");
            return Err(SettingsError { field, message: "it is empty: every label would be a release".into() });
        }
        if !out.iter().any(|seen| seen == prefix) {
            out.push(prefix.to_owned());
        }
    }
    Ok(out)
}

fn types(given: &BTreeMap<String, WorkItemKind>) -> Result<BTreeMap<String, WorkItemKind>, SettingsError> {
    let mut out = BTreeMap::new();
    for (name, kind) in given {
        let trimmed = name.trim();
        if trimmed.is_empty() {
            return Err(SettingsError::new("type_mapping", "a name of a type is empty"));
        }
        out.insert(trimmed.to_owned(), *kind);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_trimmed_raised_and_taken_once() {
        let settings = JiraSettings::parse(&json!({"project_keys": [" web ", "WEB", "ops_2"]})).unwrap();
        assert_eq!(settings.project_keys, ["WEB", "OPS_2"]);
        assert_eq!((settings.sync_window_days, settings.page_size), (None, 100));
    }

    #[test]
    fn names_the_offending_field() {
        let field = |value| JiraSettings::parse(&value).unwrap_err().field;
        assert_eq!(field(json!(null)), "project_keys");
        assert_eq!(field(json!({"project_keys": []})), "project_keys");
        assert_eq!(field(json!({"project_keys": ["WEB", " "]})), "project_keys[1]");
        assert_eq!(field(json!({"project_keys": ["WEB-12"]})), "project_keys[0]");
        assert_eq!(field(json!({"project_keys": ["WEB\" OR project = \"HR"]})), "project_keys[0]");
        assert_eq!(field(json!({"project_keys": ["WEB"], "page_size": 5000})), "page_size");
        assert_eq!(field(json!({"project_keys": ["WEB"], "sync_window_days": 0})), "sync_window_days");
        assert_eq!(field(json!({"project_keys": ["WEB"], "type_mapping": {"Fehler": "defect"}})), "type_mapping.Fehler");
        assert_eq!(field(json!({"project_keys": ["WEB"], "release_label_prefixes": [""]})), "release_label_prefixes[0]");
        assert_eq!(field(json!({"projects": ["WEB"]})), "projects");
    }

    #[test]
    fn types_are_mapped_by_id_before_name() {
        let mapping = json!({"10001": "bug", "fehler": "story"});
        let settings = JiraSettings::parse(&json!({"project_keys": ["WEB"], "type_mapping": mapping})).unwrap();
        assert_eq!(settings.mapped_type(Some("10001"), "Fehler"), Some(WorkItemKind::Bug));
        assert_eq!(settings.mapped_type(Some("7"), "FEHLER"), Some(WorkItemKind::Story));
        assert_eq!(settings.mapped_type(None, "Task"), None);
    }
}

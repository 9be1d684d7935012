//! Settings of a GitLab connection.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{SettingsError, check_range, parsed};

/// How a GitLab token is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitlabAuth {
    /// `PRIVATE-TOKEN: …`, for personal, group and project access tokens.
    #[default]
    PrivateToken,
    /// `Authorization: Bearer …`, for OAuth tokens (access tokens work too).
    Bearer,
}

/// Settings of a GitLab connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GitlabSettings {
    /// Full paths or ids; trimmed, not empty, no duplicates.
    pub groups: Vec<String>,
    pub projects: Vec<String>,
    pub auth: GitlabAuth,
    pub details: bool,
    pub since: Option<DateTime<Utc>>,
    pub page_size: u32,
    pub max_in_flight: u32,
}

impl Default for GitlabSettings {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            projects: Vec::new(),
            auth: GitlabAuth::default(),
            details: true,
            since: None,
            page_size: 100,
            max_in_flight: 8,
        }
    }
}

impl GitlabSettings {
    /// Parses and checks `settings` of a connection. Ids may be given as JSON numbers.
    pub fn parse(value: &Value) -> Result<Self, SettingsError> {
        let mut settings: Self = parsed(value, &["groups", "projects"])?;
        settings.groups = normalised_scope("groups", &settings.groups)?;
        settings.projects = normalised_scope("projects", &settings.projects)?;
        if settings.groups.is_empty() && settings.projects.is_empty() {
            return Err(SettingsError { field: "projects".into(), message: "name at least one group or project".into() });
        }
        check_range("page_size", settings.page_size, 1, 100)?;
        check_range("max_in_flight", settings.max_in_flight, 1, 32)?;
        Ok(settings)
    }
}

fn normalised_scope(field: &str, items: &[String]) -> Result<Vec<String>, SettingsError> {
    let mut out: Vec<String> = Vec::new();
    for item in items {
        let path = item.trim().trim_matches('/');
        if path.is_empty() || path.chars().any(|c| c.is_whitespace() || c.is_control()) || path.contains("..") || path.contains("://") {
            return Err(SettingsError { field: field.into(), message: format!("`{item}` is not a path like `group/name`, nor an id") });
        }
        if !out.iter().any(|seen| seen == path) {
            out.push(path.to_owned());
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    #[test]
    fn trims_paths_and_takes_numeric_ids() {
        let settings = GitlabSettings::parse(&json!({"projects": [" a/b/ ", 42, "a/b"]})).unwrap();
        assert_eq!(settings.projects, ["a/b", "42"]);
        assert!(settings.details);
    }

    #[test]
    fn names_the_offending_field() {
        let field = |value| GitlabSettings::parse(&value).unwrap_err().field;
        assert_eq!(field(json!({"project": ["a"]})), "project");
        assert_eq!(field(json!({})), "projects");
        assert_eq!(field(json!(null)), "projects");
        assert_eq!(field(json!({"projects": [" "]})), "projects");
        assert_eq!(field(json!({"projects": ["a"], "page_size": 101})), "page_size");
        assert_eq!(field(json!({"groups": ["https://gitlab.com/a"]})), "groups");
        assert_eq!(field(json!({"projects": [7, 1.5]})), "projects[1]");
        assert_eq!(field(json!({"projects": ["a"], "auth": "basic"})), "auth");
        assert_eq!(field(json!([["a"]])), "");
    }
}

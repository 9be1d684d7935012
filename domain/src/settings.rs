//! A connection's settings, parsed from JSON once. Unknown fields are refused, so that a typo is not silently ignored.

use serde::de::DeserializeOwned;
use serde_json::Value;

mod confluence;
mod gitlab;
mod jira;

pub use confluence::ConfluenceSettings;
pub use gitlab::{GitlabAuth, GitlabSettings};
pub use jira::JiraSettings;

#[derive(Debug, thiserror::Error)]
#[error("settings.{field}: {message}")]
pub struct SettingsError {
    /// The offending field, as `page_size`.
    pub field: String,
    pub message: String,
}

impl SettingsError {
    fn new(field: &str, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// The settings as they stand in JSON; `null` means none are given. In the lists named by `texts`, ids may be given as numbers.
fn parsed<T: DeserializeOwned>(value: &Value, texts: &[&str]) -> Result<T, SettingsError> {
    let mut value = value.clone();
    if value.is_null() {
        value = Value::Object(serde_json::Map::new());
    }
    for field in texts {
        if let Some(items) = value.get_mut(field).and_then(Value::as_array_mut) {
            for item in items {
                if item.is_u64() {
                    *item = Value::String(item.to_string());
                }
            }
        }
    }
    // serde would take an array for the fields in order
    if !value.is_object() {
        return Err(SettingsError::new("", "an object is expected"));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (path, message) = (error.path().to_string(), error.inner().to_string());
        let field = if path == "." { message.split('`').nth(1).unwrap_or("").to_owned() } else { path };
        SettingsError { field, message }
    })
}

fn check_range(field: &str, value: u32, min: u32, max: u32) -> Result<(), SettingsError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(SettingsError::new(field, format!("{value} is not between {min} and {max}")))
}

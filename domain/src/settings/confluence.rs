//! Settings of a Confluence Cloud connection.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{SettingsError, check_range, parsed};

/// The longest key Confluence allows.
const MAX_KEY_CHARS: usize = 255;
/// More text of one page than this is of no use to a search.
const MAX_BODY_BYTES: u32 = 8 * 1024 * 1024;

/// Settings of a Confluence connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfluenceSettings {
    /// Trimmed, no duplicates; as written, since keys of personal spaces have small letters. Empty: every current space that is no
    /// personal one.
    pub space_keys: Vec<String>,
    /// Whether the text of pages is fetched.
    pub body: bool,
    /// Of a page's text; what is longer is cut.
    pub max_body_bytes: u32,
    pub since: Option<DateTime<Utc>>,
    pub page_size: u32,
    pub max_in_flight: u32,
}

impl Default for ConfluenceSettings {
    fn default() -> Self {
        Self { space_keys: Vec::new(), body: true, max_body_bytes: 256 * 1024, since: None, page_size: 100, max_in_flight: 8 }
    }
}

impl ConfluenceSettings {
    /// Parses and checks `settings` of a connection.
    pub fn parse(value: &Value) -> Result<Self, SettingsError> {
        let mut settings: Self = parsed(value, &["space_keys"])?;
        settings.space_keys = keys(&settings.space_keys)?;
        check_range("max_body_bytes", settings.max_body_bytes, 1, MAX_BODY_BYTES)?;
        check_range("page_size", settings.page_size, 1, 250)?;
        check_range("max_in_flight", settings.max_in_flight, 1, 32)?;
        Ok(settings)
    }
}

fn keys(given: &[String]) -> Result<Vec<String>, SettingsError> {
    let mut out: Vec<String> = Vec::new();
    for (index, item) in given.iter().enumerate() {
        let key = item.trim();
        let is_key = key.chars().all(|c| c.is_alphanumeric() || matches!(c, '~' | '_' | '-' | '.'));
        if key.is_empty() || !is_key || key.chars().count() > MAX_KEY_CHARS {
            let field = format!("space_keys[{index}]");
            return Err(SettingsError { field, message: format!("`{item}` is not a space key like `DOCS`") });
        }
        // Confluence takes keys in any case; the first spelling stands.
        if !out.iter().any(|seen| seen.to_lowercase() == key.to_lowercase()) {
            out.push(key.to_owned());
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
    fn no_settings_are_fine_and_keys_are_trimmed_and_taken_once() {
        let settings = ConfluenceSettings::parse(&json!(null)).unwrap();
        assert_eq!((settings.space_keys.len(), settings.body, settings.max_body_bytes, settings.page_size), (0, true, 262_144, 100));
        let settings = ConfluenceSettings::parse(&json!({"space_keys": [" DOCS", "docs", "~7120205fa", 42]})).unwrap();
        assert_eq!(settings.space_keys, ["DOCS", "~7120205fa", "42"]);
    }

    #[test]
    fn names_the_offending_field() {
        let field = |value| ConfluenceSettings::parse(&value).unwrap_err().field;
        assert_eq!(field(json!({"spaces": ["DOCS"]})), "spaces");
        assert_eq!(field(json!({"space_keys": ["DOCS", " "]})), "space_keys[1]");
        assert_eq!(field(json!({"space_keys": ["A\" or space = \"HR"]})), "space_keys[0]");
        assert_eq!(field(json!({"page_size": 251})), "page_size");
        assert_eq!(field(json!({"max_body_bytes": 0})), "max_body_bytes");
        assert_eq!(field(json!({"body": "yes"})), "body");
        assert_eq!(field(json!({"since": "yesterday"})), "since");
    }
}

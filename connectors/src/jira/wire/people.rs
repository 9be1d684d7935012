//! Accounts and groups.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::lenient::{Id, text};

/// An account wherever one appears. E-mails are there only as far as each account's privacy settings allow.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub account_id: Id,
    /// `atlassian`, `app`, `customer`.
    #[serde(default, deserialize_with = "text")]
    pub account_type: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub display_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub email_address: Option<String>,
    #[serde(default)]
    pub active: Option<bool>,
}

/// `/myself`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Myself {
    #[serde(default, deserialize_with = "text")]
    pub account_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub display_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub time_zone: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    pub group_id: Id,
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
}

/// Somebody named in another row. One without an id (an unknown user, an anonymous one) counts as nobody.
pub fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<User>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    Ok(value.and_then(|value| serde_json::from_value(value).ok()))
}

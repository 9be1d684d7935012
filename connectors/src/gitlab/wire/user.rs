//! Accounts: as authors in other rows, as members, on their own page; and what the token says about itself.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

use super::Id;
use crate::lenient::{date, or_default, text, time};

/// An account wherever one appears. Only `/users/:id` has `bot` for certain, and e-mails as far as the token may see them.
#[derive(Debug, Deserialize)]
pub struct User {
    pub id: Id,
    #[serde(default, deserialize_with = "text")]
    pub username: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub state: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub web_url: Option<String>,
    #[serde(default)]
    pub bot: Option<bool>,
    #[serde(default, deserialize_with = "text")]
    pub email: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub public_email: Option<String>,
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<DateTime<Utc>>,
}

/// A row of `members/all`. Its `created_at` is the membership's, not the account's.
#[derive(Debug, Deserialize)]
pub struct Member {
    #[serde(flatten)]
    pub user: User,
    #[serde(default)]
    pub access_level: Option<i32>,
    #[serde(default, deserialize_with = "text")]
    pub membership_state: Option<String>,
    #[serde(default, deserialize_with = "date")]
    pub expires_at: Option<NaiveDate>,
}

/// `/personal_access_tokens/self`.
#[derive(Debug, Deserialize)]
pub struct PersonalAccessToken {
    #[serde(default, deserialize_with = "or_default")]
    pub scopes: Vec<String>,
    #[serde(default, deserialize_with = "date")]
    pub expires_at: Option<NaiveDate>,
}

/// `/metadata` and `/version`.
#[derive(Debug, Deserialize)]
pub struct Version {
    pub version: String,
}

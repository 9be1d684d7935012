//! Environments, deployments, releases.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::project::Reference;
use super::{Id, User};
use crate::lenient::{or_default, required_time, text, time};

#[derive(Debug, Deserialize)]
pub struct Environment {
    pub id: Id,
    pub name: String,
    #[serde(default, deserialize_with = "text")]
    pub tier: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub state: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub external_url: Option<String>,
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub updated_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
pub struct Deployment {
    pub id: Id,
    #[serde(default)]
    pub iid: Option<i64>,
    pub status: String,
    #[serde(default)]
    pub environment: Option<Environment>,
    /// The job that deployed; absent for deployments made through the API.
    #[serde(default)]
    pub deployable: Option<Deployable>,
    #[serde(default, deserialize_with = "text", rename = "ref")]
    pub git_ref: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub sha: Option<String>,
    #[serde(default)]
    pub user: Option<User>,
    #[serde(deserialize_with = "required_time")]
    pub created_at: DateTime<Utc>,
    #[serde(default, deserialize_with = "time")]
    pub updated_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub finished_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
pub struct Deployable {
    #[serde(default, deserialize_with = "time")]
    pub finished_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "text")]
    pub web_url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Release {
    pub tag_name: String,
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub upcoming_release: bool,
    #[serde(default)]
    pub author: Option<User>,
    /// Left out for tokens that may not read code.
    #[serde(default)]
    pub commit: Option<Reference>,
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub released_at: Option<DateTime<Utc>>,
    #[serde(default, rename = "_links")]
    pub links: Option<ReleaseLinks>,
}

#[derive(Debug, Deserialize)]
pub struct ReleaseLinks {
    #[serde(default, deserialize_with = "text", rename = "self")]
    pub own: Option<String>,
}

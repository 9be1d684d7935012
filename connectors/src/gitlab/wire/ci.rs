//! Pipelines and jobs.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::project::Reference;
use super::{Id, User};
use crate::lenient::{number, or_default, text, time};

/// A row of the pipeline list. `source` and `ref` are words with other meanings here, hence renamed.
#[derive(Debug, Deserialize)]
pub struct Pipeline {
    pub id: Id,
    #[serde(default)]
    pub iid: Option<i64>,
    #[serde(default)]
    pub project_id: Option<Id>,
    pub status: String,
    #[serde(default, deserialize_with = "text", rename = "source")]
    pub trigger: Option<String>,
    #[serde(default, deserialize_with = "text", rename = "ref")]
    pub git_ref: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub sha: Option<String>,
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub updated_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "text")]
    pub web_url: Option<String>,
}

/// `/pipelines/:id`: what list rows leave out. Durations are seconds.
#[derive(Debug, Deserialize)]
pub struct PipelineDetail {
    pub id: Id,
    #[serde(default)]
    pub user: Option<User>,
    #[serde(default, deserialize_with = "time")]
    pub started_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub finished_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "number")]
    pub duration: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub queued_duration: Option<f64>,
    /// Percent; GitLab writes it as text.
    #[serde(default, deserialize_with = "number")]
    pub coverage: Option<f64>,
}

/// A job or a bridge.
#[derive(Debug, Deserialize)]
pub struct Job {
    pub id: Id,
    pub name: String,
    #[serde(default, deserialize_with = "text")]
    pub stage: Option<String>,
    pub status: String,
    #[serde(default)]
    pub pipeline: Option<Reference>,
    #[serde(default, deserialize_with = "text", rename = "ref")]
    pub git_ref: Option<String>,
    #[serde(default)]
    pub user: Option<User>,
    #[serde(default, deserialize_with = "or_default")]
    pub allow_failure: bool,
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub started_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub finished_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "number")]
    pub duration: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub queued_duration: Option<f64>,
    #[serde(default, deserialize_with = "text")]
    pub web_url: Option<String>,
}

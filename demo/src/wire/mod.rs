//! Facts as GitLab's JSON: its keys, its order, its value forms.
//!
//! Structs rather than `json!`, because the order of keys is part of being faithful (content hashes see it). Accounts are rendered
//! once and embedded as raw JSON: they occur in every row.

mod ci;
mod deployments;
mod diffs;
mod issues;
mod merge_requests;
mod projects;
mod reviews;
mod users;

use bytes::Bytes;
use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

pub(crate) use ci::{bridge, job, pipeline_detail, pipeline_row};
pub(crate) use deployments::{deployment_row, environment_row, release_row};
pub(crate) use diffs::{commit_rows, diff_rows};
pub(crate) use issues::issue_row;
pub(crate) use merge_requests::{merge_request_detail, merge_request_row};
pub(crate) use projects::{group_detail, group_row, member_row, project_row};
pub(crate) use reviews::{approvals, note_rows};
pub(crate) use users::{Users, commit_email, user_detail};

/// Where the company's GitLab says it lives. Links in rows point there, wherever the stand-in listens.
pub const EXTERNAL_URL: &str = "https://gitlab.brightloom.example";

pub(crate) const VERSION: &str = "18.6.1-ee";

/// UTC with milliseconds: `2026-03-01T09:12:33.504Z`.
#[derive(Clone, Copy)]
pub(crate) struct Stamp(pub DateTime<Utc>);

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// With the writer's own offset, as in commits: `2026-03-01T18:12:33.000+09:00`.
pub(crate) struct LocalStamp(pub DateTime<FixedOffset>);

impl LocalStamp {
    pub(crate) fn new(time: DateTime<Utc>, offset_minutes: i32) -> Self {
        let utc = FixedOffset::east_opt(0);
        let offset = FixedOffset::east_opt(offset_minutes * 60).or(utc);
        Self(offset.map_or_else(|| time.fixed_offset(), |offset| time.with_timezone(&offset)))
    }
}

impl Serialize for LocalStamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, false))
    }
}

/// One JSON value. Serialising these structs cannot fail; if it ever did, `null` would show in every comparison.
pub(crate) fn render<T: Serialize>(value: &T) -> Bytes {
    serde_json::to_vec(value).map_or_else(|_| Bytes::from_static(b"null"), Bytes::from)
}

/// Two JSON objects as one: `{a}` + `{b}` = `{a,b}`.
pub(crate) fn merge_objects(first: &[u8], second: &[u8]) -> Bytes {
    let mut merged = Vec::with_capacity(first.len() + second.len());
    merged.extend_from_slice(&first[..first.len().saturating_sub(1)]);
    merged.push(b',');
    merged.extend_from_slice(second.get(1..).unwrap_or_default());
    merged.into()
}

/// A merge request row as with `view=simple`.
pub(crate) fn simple_merge_request(row: &Bytes) -> Bytes {
    only(row, &["id", "iid", "project_id", "title", "description", "state", "created_at", "updated_at", "web_url"])
}

/// A project row as with `simple=true`.
pub(crate) fn simple_project(row: &Bytes) -> Bytes {
    only(row, &["id", "description", "name", "path", "path_with_namespace", "created_at", "default_branch", "web_url", "namespace"])
}

/// Some members of a rendered object.
fn only(row: &Bytes, members: &[&str]) -> Bytes {
    let mut row: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(row).unwrap_or_default();
    row.retain(|name, _| members.contains(&name.as_str()));
    render(&row)
}

/// A JSON array of rendered values.
pub(crate) fn array<'a>(items: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    let mut out = vec![b'['];
    for item in items {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(item);
    }
    out.push(b']');
    out.into()
}

pub(crate) fn milestone_title(n: u32) -> &'static str {
    ["Alpha", "Beta", "Q3 \"polish\"", "Zürich"][n as usize % 4]
}

#[derive(Serialize)]
pub(crate) struct Milestone<'a> {
    id: u64,
    iid: u32,
    project_id: u64,
    title: &'static str,
    description: &'static str,
    state: &'static str,
    created_at: Stamp,
    updated_at: Stamp,
    due_date: Option<&'a str>,
    start_date: Option<&'a str>,
    expired: bool,
    web_url: String,
}

pub(crate) fn milestone<'a>(project: &crate::company::model::Project, n: u32) -> Milestone<'a> {
    Milestone {
        id: project.id * 10 + u64::from(n),
        iid: n + 1,
        project_id: project.id,
        title: milestone_title(n),
        description: "",
        state: "active",
        created_at: Stamp(project.created_at),
        updated_at: Stamp(project.created_at),
        due_date: None,
        start_date: None,
        expired: false,
        web_url: format!("{EXTERNAL_URL}/{}/-/milestones/{}", project.full_path, n + 1),
    }
}

#[derive(Serialize)]
pub(crate) struct References {
    short: String,
    relative: String,
    full: String,
}

impl References {
    pub(crate) fn new(project: &str, mark: char, iid: u64) -> Self {
        Self { short: format!("{mark}{iid}"), relative: format!("{mark}{iid}"), full: format!("{project}{mark}{iid}") }
    }
}

#[derive(Default, Serialize)]
pub(crate) struct TimeStats {
    time_estimate: u32,
    total_time_spent: u32,
    human_time_estimate: Option<&'static str>,
    human_total_time_spent: Option<&'static str>,
}

#[derive(Default, Serialize)]
pub(crate) struct TaskStatus {
    count: u32,
    completed_count: u32,
}

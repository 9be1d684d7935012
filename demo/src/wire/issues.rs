//! Issue rows.

use bytes::Bytes;
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{EXTERNAL_URL, Milestone, References, Stamp, TaskStatus, TimeStats, Users, milestone, render};
use crate::company::Company;
use crate::company::model::Issue;

#[derive(Serialize)]
struct Row<'a> {
    id: u64,
    iid: u64,
    project_id: u64,
    title: &'a str,
    description: Option<&'a str>,
    state: &'a str,
    created_at: Stamp,
    updated_at: Stamp,
    closed_at: Option<Stamp>,
    closed_by: Option<&'a RawValue>,
    labels: &'a [&'static str],
    milestone: Option<Milestone<'a>>,
    assignees: Vec<&'a RawValue>,
    author: &'a RawValue,
    #[serde(rename = "type")]
    kind: String,
    assignee: Option<&'a RawValue>,
    user_notes_count: u32,
    merge_requests_count: u32,
    upvotes: u32,
    downvotes: u32,
    due_date: Option<NaiveDate>,
    confidential: bool,
    discussion_locked: Option<bool>,
    issue_type: &'a str,
    web_url: String,
    time_stats: TimeStats,
    task_completion_status: TaskStatus,
    weight: Option<i64>,
    blocking_issues_count: u32,
    has_tasks: bool,
    #[serde(rename = "_links")]
    links: Links,
    references: References,
    severity: &'static str,
    moved_to_id: Option<u64>,
    imported: bool,
    imported_from: &'static str,
    service_desk_reply_to: Option<&'a str>,
    epic_iid: Option<u64>,
    epic: Option<&'a str>,
    iteration: Option<&'a str>,
    health_status: Option<&'a str>,
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    own: String,
    notes: String,
    award_emoji: String,
    project: String,
    closed_as_duplicate_of: Option<String>,
}

/// A row of `issues`.
pub(crate) fn issue_row(company: &Company, users: &Users, one: &Issue) -> Bytes {
    let project = &company.projects[one.project];
    let api = format!("{EXTERNAL_URL}/api/v4/projects/{}", project.id);
    render(&Row {
        id: one.id,
        iid: one.iid,
        project_id: project.id,
        title: &one.title,
        description: (!one.iid.is_multiple_of(5)).then_some("Steps, expectation, what happens instead."),
        state: one.state,
        created_at: Stamp(one.created_at),
        updated_at: Stamp(one.updated_at),
        closed_at: one.closed_at.map(Stamp),
        closed_by: one.closed_by.map(|id| users.basic(id)),
        labels: &one.labels,
        milestone: one.milestone.map(|n| milestone(project, n)),
        assignees: users.list(&one.assignees),
        author: users.basic(one.author),
        kind: one.issue_type.to_uppercase(),
        assignee: one.assignees.first().map(|id| users.basic(*id)),
        user_notes_count: 0,
        merge_requests_count: 0,
        upvotes: 0,
        downvotes: 0,
        due_date: one.due_on,
        confidential: one.confidential,
        discussion_locked: None,
        issue_type: one.issue_type,
        web_url: format!("{EXTERNAL_URL}/{}/-/issues/{}", project.full_path, one.iid),
        time_stats: TimeStats::default(),
        task_completion_status: TaskStatus::default(),
        weight: one.weight,
        blocking_issues_count: 0,
        has_tasks: false,
        links: Links {
            own: format!("{api}/issues/{}", one.iid),
            notes: format!("{api}/issues/{}/notes", one.iid),
            award_emoji: format!("{api}/issues/{}/award_emoji", one.iid),
            project: api,
            closed_as_duplicate_of: None,
        },
        references: References::new(&project.full_path, '#', one.iid),
        severity: "UNKNOWN",
        moved_to_id: None,
        imported: false,
        imported_from: "none",
        service_desk_reply_to: None,
        epic_iid: None,
        epic: None,
        iteration: None,
        health_status: None,
    })
}

//! Merge request rows and details.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{EXTERNAL_URL, Milestone, References, Stamp, TaskStatus, TimeStats, Users, merge_objects, milestone, render};
use crate::company::Company;
use crate::company::model::{MergeRequest, Pipeline};

#[derive(Serialize)]
struct Row<'a> {
    id: u64,
    iid: u64,
    project_id: u64,
    title: &'a str,
    description: &'a str,
    state: &'a str,
    created_at: Stamp,
    updated_at: Stamp,
    merged_by: Option<&'a RawValue>,
    merge_user: Option<&'a RawValue>,
    merged_at: Option<Stamp>,
    closed_by: Option<&'a RawValue>,
    closed_at: Option<Stamp>,
    target_branch: &'a str,
    source_branch: &'a str,
    user_notes_count: usize,
    upvotes: u32,
    downvotes: u32,
    author: &'a RawValue,
    assignees: Vec<&'a RawValue>,
    assignee: Option<&'a RawValue>,
    reviewers: Vec<&'a RawValue>,
    source_project_id: Option<u64>,
    target_project_id: u64,
    labels: &'a [&'static str],
    draft: bool,
    imported: bool,
    imported_from: &'static str,
    work_in_progress: bool,
    milestone: Option<Milestone<'a>>,
    merge_when_pipeline_succeeds: bool,
    merge_status: &'static str,
    detailed_merge_status: &'static str,
    merge_after: Option<Stamp>,
    sha: &'a str,
    merge_commit_sha: Option<&'a str>,
    squash_commit_sha: Option<&'a str>,
    discussion_locked: Option<bool>,
    should_remove_source_branch: Option<bool>,
    force_remove_source_branch: bool,
    prepared_at: Option<Stamp>,
    reference: String,
    references: References,
    web_url: String,
    time_stats: TimeStats,
    squash: bool,
    squash_on_merge: bool,
    task_completion_status: TaskStatus,
    has_conflicts: bool,
    blocking_discussions_resolved: bool,
    approvals_before_merge: Option<u32>,
}

/// A row of `merge_requests`.
pub(crate) fn merge_request_row(company: &Company, users: &Users, one: &MergeRequest) -> Bytes {
    let project = &company.projects[one.project];
    let status = match (one.state.as_str(), one.draft) {
        ("opened", true) => "draft_status",
        ("opened", false) => "mergeable",
        _ => "not_open",
    };
    let row = render(&Row {
        id: one.id,
        iid: one.iid,
        project_id: project.id,
        title: &one.title,
        description: &one.description,
        state: &one.state,
        created_at: Stamp(one.created_at),
        updated_at: Stamp(one.updated_at),
        merged_by: one.merged_by.map(|id| users.basic(id)),
        merge_user: one.merged_by.map(|id| users.basic(id)),
        merged_at: one.merged_at.map(Stamp),
        closed_by: one.closed_by.map(|id| users.basic(id)),
        closed_at: one.closed_at.map(Stamp),
        target_branch: project.default_branch,
        source_branch: &one.source_branch,
        user_notes_count: one.notes.iter().filter(|note| !note.system).count(),
        upvotes: 0,
        downvotes: 0,
        author: users.basic(one.author),
        assignees: users.list(&one.assignees),
        assignee: one.assignees.first().map(|id| users.basic(*id)),
        reviewers: users.list(&one.reviewers),
        source_project_id: one.source_project_id,
        target_project_id: project.id,
        labels: &one.labels,
        draft: one.draft,
        imported: false,
        imported_from: "none",
        work_in_progress: one.draft,
        milestone: one.milestone.map(|n| milestone(project, n)),
        merge_when_pipeline_succeeds: false,
        merge_status: if one.iid.is_multiple_of(7) { "checking" } else { "can_be_merged" },
        detailed_merge_status: status,
        merge_after: None,
        sha: &one.sha,
        merge_commit_sha: one.merge_commit_sha.as_deref(),
        squash_commit_sha: one.squash_commit_sha.as_deref(),
        discussion_locked: one.discussion_locked.then_some(true),
        should_remove_source_branch: None,
        force_remove_source_branch: true,
        prepared_at: one.prepared_at.map(Stamp),
        reference: format!("!{}", one.iid),
        references: References::new(&project.full_path, '!', one.iid),
        web_url: format!("{EXTERNAL_URL}/{}/-/merge_requests/{}", project.full_path, one.iid),
        time_stats: TimeStats::default(),
        squash: one.squash_commit_sha.is_some(),
        squash_on_merge: one.squash_commit_sha.is_some(),
        task_completion_status: TaskStatus::default(),
        has_conflicts: false,
        blocking_discussions_resolved: true,
        approvals_before_merge: None,
    });
    if one.unknown_fields {
        return merge_objects(&row, br#"{"x_review_hint":{"model":"v2","score":0.25,"tags":["a",null]},"title_html_v2":"<b>unknown</b>"}"#);
    }
    row
}

#[derive(Serialize)]
struct DetailExtra<'a> {
    subscribed: bool,
    changes_count: String,
    latest_build_started_at: Option<Stamp>,
    latest_build_finished_at: Option<Stamp>,
    first_deployed_to_production_at: Option<Stamp>,
    pipeline: Option<&'a RawValue>,
    head_pipeline: Option<&'a RawValue>,
    diff_refs: DiffRefs<'a>,
    merge_error: Option<&'a str>,
    first_contribution: bool,
    user: CanMerge,
}

#[derive(Serialize)]
struct DiffRefs<'a> {
    base_sha: String,
    head_sha: &'a str,
    start_sha: String,
}

#[derive(Serialize)]
struct CanMerge {
    can_merge: bool,
}

/// `GET merge_requests/:iid`.
pub(crate) fn merge_request_detail(company: &Company, users: &Users, one: &MergeRequest, head: Option<&Pipeline>) -> Bytes {
    let pipeline =
        head.map(|pipeline| super::pipeline_row(company, pipeline)).and_then(|bytes| serde_json::from_slice::<Box<RawValue>>(&bytes).ok());
    let base = crate::company::dice::sha(90, one.id);
    let extra = render(&DetailExtra {
        subscribed: false,
        changes_count: if one.files.len() > 1000 { "1000+".to_owned() } else { one.files.len().to_string() },
        latest_build_started_at: head.and_then(|pipeline| pipeline.started_at).map(Stamp),
        latest_build_finished_at: head.and_then(|pipeline| pipeline.finished_at).map(Stamp),
        first_deployed_to_production_at: None,
        pipeline: pipeline.as_deref(),
        head_pipeline: pipeline.as_deref(),
        diff_refs: DiffRefs { base_sha: base.clone(), head_sha: &one.sha, start_sha: base },
        merge_error: None,
        first_contribution: false,
        user: CanMerge { can_merge: false },
    });
    merge_objects(&merge_request_row(company, users, one), &extra)
}

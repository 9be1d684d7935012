//! Pipelines, jobs and bridges. A pipeline's list row has no times; its detail does.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::diffs::{CommitRow, commit};
use super::{EXTERNAL_URL, Stamp, Users, merge_objects, render};
use crate::company::Company;
use crate::company::model::{Commit, Job, Pipeline};

#[derive(Serialize)]
struct PipelineRow<'a> {
    id: u64,
    iid: u64,
    project_id: u64,
    sha: &'a str,
    #[serde(rename = "ref")]
    git_ref: &'a str,
    status: &'a str,
    source: &'a str,
    created_at: Stamp,
    updated_at: Option<Stamp>,
    web_url: String,
    name: Option<&'a str>,
}

fn row<'a>(company: &Company, one: &'a Pipeline) -> PipelineRow<'a> {
    let project = &company.projects[one.project];
    PipelineRow {
        id: one.id,
        iid: one.iid,
        project_id: project.id,
        sha: &one.sha,
        git_ref: &one.git_ref,
        status: one.status,
        source: one.source,
        created_at: Stamp(one.created_at),
        updated_at: one.updated_at.map(Stamp),
        web_url: format!("{EXTERNAL_URL}/{}/-/pipelines/{}", project.full_path, one.id),
        name: None,
    }
}

/// A row of `pipelines`.
pub(crate) fn pipeline_row(company: &Company, one: &Pipeline) -> Bytes {
    render(&row(company, one))
}

#[derive(Serialize)]
struct PipelineExtra<'a> {
    before_sha: &'static str,
    tag: bool,
    yaml_errors: Option<&'a str>,
    user: &'a RawValue,
    started_at: Option<Stamp>,
    finished_at: Option<Stamp>,
    committed_at: Option<Stamp>,
    duration: Option<i64>,
    queued_duration: Option<i64>,
    /// A string here, as real servers answer.
    coverage: Option<String>,
    detailed_status: DetailedStatus<'a>,
}

#[derive(Serialize)]
struct DetailedStatus<'a> {
    icon: String,
    text: &'a str,
    label: &'a str,
    group: &'a str,
    has_details: bool,
    details_path: Option<&'a str>,
}

/// `GET pipelines/:id`.
pub(crate) fn pipeline_detail(company: &Company, users: &Users, one: &Pipeline) -> Bytes {
    let extra = render(&PipelineExtra {
        before_sha: "0000000000000000000000000000000000000000",
        tag: one.tag,
        yaml_errors: None,
        user: users.basic(one.user),
        started_at: one.started_at.map(Stamp),
        finished_at: one.finished_at.map(Stamp),
        committed_at: None,
        duration: one.duration,
        queued_duration: one.queued,
        coverage: one.coverage.map(|hundredths| format!("{}.{:02}", hundredths / 100, hundredths % 100)),
        detailed_status: DetailedStatus {
            icon: format!("status_{}", one.status),
            text: one.status,
            label: one.status,
            group: one.status,
            has_details: false,
            details_path: None,
        },
    });
    merge_objects(&pipeline_row(company, one), &extra)
}

#[derive(Serialize)]
struct JobRow<'a> {
    id: u64,
    status: &'a str,
    stage: &'a str,
    name: &'a str,
    #[serde(rename = "ref")]
    git_ref: &'a str,
    tag: bool,
    coverage: Option<f64>,
    allow_failure: bool,
    created_at: Stamp,
    started_at: Option<Stamp>,
    finished_at: Option<Stamp>,
    erased_at: Option<Stamp>,
    duration: Option<f64>,
    queued_duration: Option<f64>,
    user: &'a RawValue,
    commit: Option<CommitRow<'a>>,
    pipeline: PipelineRow<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<&'static str>,
    web_url: String,
    project: JobProject,
}

#[derive(Serialize)]
struct JobProject {
    ci_job_token_scope_enabled: bool,
}

/// What a bridge has and a job has not, and the other way round.
const JOB_EXTRA: &[u8] =
    br#"{"artifacts":[],"runner":null,"runner_manager":null,"artifacts_expire_at":null,"archived":false,"tag_list":[]}"#;

fn base(company: &Company, users: &Users, pipeline: &Pipeline, job: &Job) -> Bytes {
    let project = &company.projects[pipeline.project];
    let head = Commit {
        sha: pipeline.sha.clone(),
        title: "Merge branch into the default branch".to_owned(),
        author: pipeline.user,
        authored_at: pipeline.created_at,
        committed_at: pipeline.created_at,
    };
    render(&JobRow {
        id: job.id,
        status: job.status,
        stage: job.stage,
        name: &job.name,
        git_ref: &pipeline.git_ref,
        tag: pipeline.tag,
        coverage: None,
        allow_failure: job.allow_failure,
        created_at: Stamp(job.created_at),
        started_at: job.started_at.map(Stamp),
        finished_at: job.finished_at.map(Stamp),
        erased_at: None,
        duration: job.duration_seconds(),
        queued_duration: job.queued_seconds(),
        user: users.full(pipeline.user),
        commit: company.user(pipeline.user).map(|user| commit(user, &project.full_path, &head)),
        pipeline: row(company, pipeline),
        failure_reason: (job.status == "failed").then_some("script_failure"),
        web_url: format!("{EXTERNAL_URL}/{}/-/jobs/{}", project.full_path, job.id),
        project: JobProject { ci_job_token_scope_enabled: false },
    })
}

/// A row of `jobs`.
pub(crate) fn job(company: &Company, users: &Users, pipeline: &Pipeline, job: &Job) -> Bytes {
    merge_objects(&base(company, users, pipeline, job), JOB_EXTRA)
}

/// A row of `bridges`, with the pipeline it started where it did.
pub(crate) fn bridge(company: &Company, users: &Users, pipeline: &Pipeline, job: &Job) -> Bytes {
    let downstream = (job.status == "success").then(|| PipelineRow {
        id: pipeline.id + 1,
        iid: pipeline.iid + 1,
        source: "parent_pipeline",
        ..row(company, pipeline)
    });
    #[derive(Serialize)]
    struct Extra<'a> {
        downstream_pipeline: Option<PipelineRow<'a>>,
    }
    merge_objects(&base(company, users, pipeline, job), &render(&Extra { downstream_pipeline: downstream }))
}

//! Pipelines and jobs.

use ovia_domain::{DetailRequest, Entity, Job, Pipeline, PipelineTimes};
use serde_json::json;

use super::accounts::with_accounts;
use super::{Normalised, RowContext, RowError};
use crate::gitlab::streams::{PIPELINE_BRIDGES, PIPELINE_DETAILS, PIPELINE_JOBS};
use crate::gitlab::wire;

/// A row of the pipeline list. Its jobs are asked for only in later walks: the first one's come with the project's job list. That list
/// has no bridges, so these are always asked for.
pub fn pipeline(context: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    let pipeline: wire::Pipeline = wire::parse_row(json)?;
    let external_id = pipeline.id.0;
    let project = pipeline.project_id.map_or_else(|| context.project.to_owned(), |id| id.0);
    let streams: &[&str] = match (context.details, context.incremental) {
        (false, _) => &[],
        (true, false) => &[PIPELINE_DETAILS, PIPELINE_BRIDGES],
        (true, true) => &[PIPELINE_DETAILS, PIPELINE_BRIDGES, PIPELINE_JOBS],
    };
    let request =
        |stream: &&str| DetailRequest { stream: (*stream).to_owned(), external_id: external_id.clone(), args: json!({"project": project}) };
    let details = streams.iter().map(request).collect();
    let entity = Pipeline {
        external_id: external_id.clone(),
        project_external_id: project,
        number: pipeline.iid,
        status: pipeline.status,
        trigger: pipeline.trigger,
        git_ref: pipeline.git_ref,
        sha: pipeline.sha,
        created_at: pipeline.created_at,
        updated_at: pipeline.updated_at,
        url: pipeline.web_url,
    };
    Ok(Normalised {
        external_id,
        created_at: pipeline.created_at,
        updated_at: pipeline.updated_at,
        entities: vec![Entity::Pipeline(entity)],
        details,
    })
}

/// `/pipelines/:id`.
pub fn pipeline_detail(context: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    let detail: wire::PipelineDetail = wire::parse_row(json)?;
    let external_id = detail.id.0;
    let times = PipelineTimes {
        external_id: external_id.clone(),
        identity_external_id: detail.user.as_ref().map(|user| user.id.0.clone()),
        started_at: detail.started_at,
        finished_at: detail.finished_at,
        duration_seconds: detail.duration,
        queued_seconds: detail.queued_duration,
        coverage: detail.coverage,
    };
    Ok(Normalised {
        external_id,
        created_at: None,
        updated_at: None,
        entities: with_accounts(context, Entity::PipelineTimes(times), &detail.user),
        details: Vec::new(),
    })
}

pub fn job(context: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    job_of_kind(context, json, "job")
}

/// A job that starts another pipeline.
pub fn bridge(context: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    job_of_kind(context, json, "bridge")
}

fn job_of_kind(context: &RowContext<'_>, json: &str, kind: &str) -> Result<Normalised, RowError> {
    let job: wire::Job = wire::parse_row(json)?;
    let external_id = job.id.0;
    let entity = Job {
        external_id: external_id.clone(),
        project_external_id: context.project.to_owned(),
        pipeline_external_id: job.pipeline.and_then(|pipeline| pipeline.id).map(|id| id.0),
        name: job.name,
        stage: job.stage,
        status: job.status,
        job_kind: kind.to_owned(),
        git_ref: job.git_ref,
        identity_external_id: job.user.as_ref().map(|user| user.id.0.clone()),
        allow_failure: job.allow_failure,
        created_at: job.created_at,
        started_at: job.started_at,
        finished_at: job.finished_at,
        duration_seconds: job.duration,
        queued_seconds: job.queued_duration,
        url: job.web_url,
    };
    Ok(Normalised {
        external_id,
        created_at: job.created_at,
        updated_at: None,
        entities: with_accounts(context, Entity::Job(entity), &job.user),
        details: Vec::new(),
    })
}

//! Rows about pipelines, jobs, environments, deployments and releases.

use super::Table;
use super::rows::{DeploymentRow, EnvironmentRow, JobRow, PipelineRow, ReleaseRow};
use crate::company::Company;
use crate::company::deployments::{finished_at, tier_by_name};
use crate::wire::EXTERNAL_URL;

pub(super) fn pipelines(company: &Company) -> Table<PipelineRow> {
    let row = |one: &crate::company::model::Pipeline| {
        let project = &company.projects[one.project];
        PipelineRow {
            project_external_id: project.id.to_string(),
            number: one.iid as i64,
            status: one.status.to_owned(),
            trigger: one.source.to_owned(),
            git_ref: one.git_ref.clone(),
            sha: one.sha.clone(),
            created_at: one.created_at,
            updated_at: one.updated_at,
            url: format!("{EXTERNAL_URL}/{}/-/pipelines/{}", project.full_path, one.id),
            identity_external_id: one.user.to_string(),
            started_at: one.started_at,
            finished_at: one.finished_at,
            duration_seconds: one.duration.map(|seconds| seconds as f64),
            queued_seconds: one.queued.map(|seconds| seconds as f64),
            coverage: one.coverage.map(|hundredths| f64::from(hundredths) / 100.0),
        }
    };
    company.pipelines.iter().map(|one| (one.id.to_string(), row(one))).collect()
}

pub(super) fn jobs(company: &Company) -> Table<JobRow> {
    let mut table = Table::new();
    for pipeline in &company.pipelines {
        for job in &pipeline.jobs {
            let row = JobRow {
                project_external_id: company.projects[pipeline.project].id.to_string(),
                pipeline_external_id: pipeline.id.to_string(),
                name: job.name.clone(),
                stage: job.stage.to_owned(),
                status: job.status.to_owned(),
                job_kind: if job.bridge { "bridge" } else { "job" }.to_owned(),
                git_ref: pipeline.git_ref.clone(),
                identity_external_id: pipeline.user.to_string(),
                allow_failure: job.allow_failure,
                created_at: job.created_at,
                started_at: job.started_at,
                finished_at: job.finished_at,
                duration_seconds: job.duration_seconds(),
                queued_seconds: job.queued_seconds(),
            };
            table.insert(job.id.to_string(), row);
        }
    }
    table
}

pub(super) fn environments(company: &Company) -> Table<EnvironmentRow> {
    let row = |one: &crate::company::model::Environment| EnvironmentRow {
        project_external_id: company.projects[one.project].id.to_string(),
        name: one.name.to_owned(),
        tier: one.tier.unwrap_or_else(|| tier_by_name(one.name)).to_owned(),
        state: one.state.to_owned(),
        external_url: one.external_url.clone(),
        created_at: one.created_at,
        updated_at: one.updated_at,
    };
    company.environments.iter().map(|one| (one.id.to_string(), row(one))).collect()
}

pub(super) fn deployments(company: &Company) -> Table<DeploymentRow> {
    let row = |one: &crate::company::model::Deployment| {
        let environment = &company.environments[one.environment];
        DeploymentRow {
            project_external_id: company.projects[one.project].id.to_string(),
            number: one.iid as i64,
            status: one.status.to_owned(),
            environment_external_id: environment.id.to_string(),
            environment_name: environment.name.to_owned(),
            environment_tier: tier_by_name(environment.name).to_owned(),
            git_ref: one.git_ref.clone(),
            sha: one.sha.clone(),
            identity_external_id: one.user.to_string(),
            created_at: one.created_at,
            updated_at: one.updated_at,
            finished_at: finished_at(one, &company.pipelines),
        }
    };
    company.deployments.iter().map(|one| (one.id.to_string(), row(one))).collect()
}

pub(super) fn releases(company: &Company) -> Table<ReleaseRow> {
    let mut table = Table::new();
    for one in &company.releases {
        let project_external_id = company.projects[one.project].id.to_string();
        let row = ReleaseRow {
            project_external_id: project_external_id.clone(),
            tag: one.tag.clone(),
            name: one.name.clone(),
            upcoming: one.upcoming,
            author_external_id: one.author.to_string(),
            sha: one.sha.clone(),
            created_at: one.created_at,
            released_at: one.released_at,
        };
        table.insert(format!("{project_external_id}:{}", one.tag), row);
    }
    table
}

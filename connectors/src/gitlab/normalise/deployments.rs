//! Environments, deployments, releases.

use ovia_domain::{Deployment, Entity, Environment, Release};

use super::accounts::with_accounts;
use super::tier::tier;
use super::{Normalised, RowContext, RowError};
use crate::gitlab::wire;

pub fn environment(context: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    let environment: wire::Environment = wire::parse_row(json)?;
    let external_id = environment.id.0;
    let entity = Environment {
        external_id: external_id.clone(),
        project_external_id: context.project.to_owned(),
        tier: environment.tier.or_else(|| Some(tier(&environment.name).to_owned())),
        name: environment.name,
        state: environment.state,
        external_url: environment.external_url,
        created_at: environment.created_at,
        updated_at: environment.updated_at,
    };
    Ok(Normalised {
        external_id,
        created_at: environment.created_at,
        updated_at: environment.updated_at,
        entities: vec![Entity::Environment(entity)],
        details: Vec::new(),
    })
}

pub fn deployment(context: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    let deployment: wire::Deployment = wire::parse_row(json)?;
    let external_id = deployment.id.0;
    let environment = deployment.environment.as_ref();
    let (job_finished_at, job_url) = deployment.deployable.map_or((None, None), |job| (job.finished_at, job.web_url));
    let entity = Deployment {
        external_id: external_id.clone(),
        project_external_id: context.project.to_owned(),
        number: deployment.iid,
        status: deployment.status,
        environment_external_id: environment.map(|environment| environment.id.0.clone()),
        environment_name: environment.map(|environment| environment.name.clone()),
        environment_tier: environment.map(|environment| environment.tier.clone().unwrap_or_else(|| tier(&environment.name).to_owned())),
        git_ref: deployment.git_ref,
        sha: deployment.sha,
        identity_external_id: deployment.user.as_ref().map(|user| user.id.0.clone()),
        created_at: deployment.created_at,
        updated_at: deployment.updated_at,
        finished_at: deployment.finished_at.or(job_finished_at),
        url: job_url,
    };
    Ok(Normalised {
        external_id,
        created_at: Some(deployment.created_at),
        updated_at: deployment.updated_at,
        entities: with_accounts(context, Entity::Deployment(entity), &deployment.user),
        details: Vec::new(),
    })
}

/// Releases have no id of their own: the tag is unique within the project.
pub fn release(context: &RowContext<'_>, json: &str) -> Result<Normalised, RowError> {
    let release: wire::Release = wire::parse_row(json)?;
    let external_id = format!("{}:{}", context.project, release.tag_name);
    let entity = Release {
        external_id: external_id.clone(),
        project_external_id: context.project.to_owned(),
        tag: release.tag_name,
        name: release.name,
        upcoming: release.upcoming_release,
        author_external_id: release.author.as_ref().map(|user| user.id.0.clone()),
        sha: release.commit.and_then(|commit| commit.id).map(|id| id.0),
        created_at: release.created_at,
        released_at: release.released_at,
        url: release.links.and_then(|links| links.own),
    };
    Ok(Normalised {
        external_id,
        created_at: release.created_at,
        updated_at: None,
        entities: with_accounts(context, Entity::Release(entity), &release.author),
        details: Vec::new(),
    })
}

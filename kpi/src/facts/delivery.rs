//! Pipelines and deployments.

use serde::{Deserialize, Serialize};

use super::{IdentityKey, ProjectKey, Sha, Time};
use crate::KpiSettings;

#[derive(Clone, Debug)]
pub struct PipelineFact {
    /// `pipelines.id`.
    pub id: i64,
    pub project: ProjectKey,
    /// Who started it (`pipelines.identity_external_id`).
    pub started_by: Option<IdentityKey>,
    pub status: PipelineStatus,
    pub updated_at: Option<Time>,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    /// `pipelines.duration_seconds`; `None` is not 0.
    pub duration_seconds: Option<f32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineStatus {
    Success,
    Failed,
    /// Cancelled, skipped, manual, running …: neither a success nor a failure.
    Other,
}

impl PipelineStatus {
    /// Reads `pipelines.status`.
    pub fn parse(status: &str) -> Self {
        match status {
            "success" => Self::Success,
            "failed" => Self::Failed,
            _ => Self::Other,
        }
    }
}

impl PipelineFact {
    /// When it finished, as far as is known.
    pub fn at(&self) -> Option<Time> {
        self.finished_at.or(self.updated_at)
    }
}

#[derive(Clone, Debug)]
pub struct DeploymentFact {
    /// `deployments.id`.
    pub id: i64,
    pub project: ProjectKey,
    /// Who deployed (`deployments.identity_external_id`).
    pub deployed_by: Option<IdentityKey>,
    pub deployed_by_bot: bool,
    pub status: DeploymentStatus,
    /// `tier` of the deployment's environment row.
    pub environment_tier: Option<EnvironmentTier>,
    /// `environment_tier` of the deployment itself, for environments without a row or a tier.
    pub deployment_tier: Option<EnvironmentTier>,
    pub sha: Option<Sha>,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub finished_at: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentStatus {
    Success,
    Failed,
    /// Blocked, running, `undeployed`, `completed` …
    Other,
}

impl DeploymentStatus {
    /// Reads `deployments.status`.
    pub fn parse(status: &str) -> Self {
        match status {
            "success" => Self::Success,
            "failed" => Self::Failed,
            _ => Self::Other,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvironmentTier {
    Production,
    Staging,
    Testing,
    Development,
    Other,
}

impl EnvironmentTier {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Testing => "testing",
            Self::Development => "development",
            Self::Other => "other",
        }
    }

    /// Reads `environments.tier` or `deployments.environment_tier`.
    pub fn parse(tier: &str) -> Self {
        match tier {
            "production" => Self::Production,
            "staging" => Self::Staging,
            "testing" => Self::Testing,
            "development" => Self::Development,
            _ => Self::Other,
        }
    }
}

impl DeploymentFact {
    /// When it finished, as far as is known.
    pub fn at(&self) -> Time {
        self.finished_at.or(self.updated_at).unwrap_or(self.created_at)
    }

    /// Whether it went to one of the tiers that count as production.
    pub fn is_production(&self, settings: &KpiSettings) -> bool {
        self.environment_tier.or(self.deployment_tier).is_some_and(|tier| settings.production_tiers.contains(&tier))
    }

    /// A successful deployment to production.
    pub fn is_delivery(&self, settings: &KpiSettings) -> bool {
        self.status == DeploymentStatus::Success && self.is_production(settings)
    }
}

/// A deployment brought a merge request to production for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeploymentMergeRequest {
    /// `deployments.id`.
    pub deployment_id: i64,
    /// `merge_requests.id`.
    pub merge_request_id: i64,
    pub rule: ContainmentRule,
}

/// Why a deployment is held to contain a merge request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainmentRule {
    /// The deployment's commit is the merge request's merge, squash or head commit.
    SameCommit,
    /// The first successful production deployment of the project that finished at or after the merge.
    FirstAfterMerge,
}

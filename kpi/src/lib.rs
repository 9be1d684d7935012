#![doc = include_str!("../README.md")]

mod compute;
mod docs;
pub mod facts;
mod grid;
mod metrics;
mod percentile;
mod registry;
mod review;
mod settings;
mod snapshot;
#[cfg(test)]
mod testing;
mod timeline;
pub mod windows;

pub use compute::{compute_all, compute_over};
pub use docs::render_markdown;
pub use facts::{
    AttributionOverride, ContainmentRule, DeploymentFact, DeploymentMergeRequest, DeploymentStatus, EnvironmentTier, Facts, IdentityKey,
    IncidentProject, ItemDeployment, ItemMergeRequest, ItemRef, ItemTable, MergeRequestFact, MergeRequestState, PersonKey, PipelineFact,
    PipelineStatus, ProjectKey, ReleaseFact, ReleaseItemFact, RevertFact, ReviewEventFact, ReviewEventKind, Sha, TeamKey, TeamMembership,
    WorkItemFact, WorkItemTransition,
};
pub use percentile::percentile;
pub use registry::{MetricEntry, REGISTRY, metric};
pub use settings::{BandSetting, HealthWeights, KpiSettings, SettingsError};
pub use snapshot::{Scope, Snapshot};
pub use windows::{Window, WindowKind};

#![doc = include_str!("../README.md")]

mod compute;
mod docs;
pub mod facts;
mod grid;
mod metrics;
mod percentile;
mod registry;
mod review;
mod snapshot;
#[cfg(test)]
mod testing;
mod timeline;
pub mod windows;

pub use compute::{compute_all, compute_over};
pub use docs::render_markdown;
pub use facts::{
    DeploymentFact, DeploymentStatus, EnvironmentTier, Facts, IdentityKey, MergeRequestFact, MergeRequestState, PipelineFact,
    PipelineStatus, ProjectKey, ReviewEventFact, ReviewEventKind,
};
pub use percentile::percentile;
pub use registry::{MetricEntry, REGISTRY, metric};
pub use snapshot::{Scope, Snapshot};
pub use windows::{Window, WindowKind};

#![doc = include_str!("../README.md")]

mod bands;
mod calendar;
mod compute;
mod dated;
mod deployed;
mod docs;
mod drill_down;
pub mod facts;
mod given;
mod history;
mod incidents;
mod inputs;
mod item_filter;
mod lateness;
mod metrics;
mod notes;
mod percentile;
mod registry;
mod releases;
mod review;
mod risk;
mod scope;
mod series;
mod settings;
mod snapshot;
mod states;
#[cfg(test)]
mod testing;
mod timeline;
pub mod windows;

pub use bands::{Bands, band, banded_keys, bands_of, published_bands};
pub use calendar::Calendar;
pub use compute::{KeepRows, compute_all, compute_batches, compute_each, compute_over};
pub use dated::{DATED, DatedRow, KnownRows};
pub use deployed::{Containment, MergedRow, RevertCandidate, deployment_merge_requests, find_reverts};
pub use docs::render_markdown;
pub use drill_down::{describe_keys, last_day_function, rows_query};
pub use facts::{
    AttributionOverride, ContainmentRule, DeploymentFact, DeploymentMergeRequest, DeploymentStatus, EarlierMerge, EnvironmentTier, Facts,
    IdentityKey, IncidentProject, ItemMergeRequest, ItemRef, ItemTable, MergeRequestFact, MergeRequestState, PersonKey, PipelineFact,
    PipelineStatus, ProjectKey, ReleaseFact, ReleaseItemFact, RevertFact, ReviewEventFact, ReviewEventKind, Sha, TeamKey, TeamMembership,
    WorkItemFact, WorkItemTransition,
};
pub use given::{First, FirstOf, FirstScope, Given, firsts};
pub use incidents::{Attribution, AttributionRule, attribute_incidents};
pub use inputs::Inputs;
pub use lateness::syncs_due;
pub use notes::{Note, NoteBook, NotedFigure};
pub use percentile::percentile;
pub use registry::{Measure, Measures, MetricEntry, REGISTRY, RowsOf, metric};
pub use risk::{ReleaseRisk, RiskFactor, release_risks};
pub use scope::{Scope, ScopeFilter, ScopeIndex};
pub use settings::{BandSetting, HealthWeights, KpiSettings, SettingsError};
pub use snapshot::{Draft, Figure, Snapshot};
pub use windows::{Window, WindowKind};

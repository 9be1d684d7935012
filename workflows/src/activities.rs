//! Declarations of the activities workflows call. `ovia-activities` implements them against these, so that a wrong input type does
//! not compile.

#![expect(clippy::unimplemented, reason = "declarations: the macro wants bodies and never calls them")]

use temporalio_macros::activity_definitions;
use temporalio_sdk::activities::ActivityError;

use crate::{
    client::ConnectionCheck,
    types::{ConnectionRef, OrgRun, PullSlice, RunFinish, RunFinished, SliceOutcome, StepOutcome, SyncInput, SyncPlan},
};

pub struct OviaActivities;

#[activity_definitions]
impl OviaActivities {
    /// Marks the run running, takes the connection's lease, lists the streams.
    #[activity(name = "ovia.sync_begin")]
    pub fn sync_begin(input: SyncInput) -> Result<SyncPlan, ActivityError> {
        unimplemented!()
    }

    /// Pulls pages of one stream until it is complete or the slice's budget is used up. Resumes from the cursors in Postgres.
    #[activity(name = "ovia.pull_slice")]
    pub fn pull_slice(input: PullSlice) -> Result<SliceOutcome, ActivityError> {
        unimplemented!()
    }

    /// Closes the run and releases what it held. Running it twice closes it once.
    #[activity(name = "ovia.run_finish")]
    pub fn run_finish(input: RunFinish) -> Result<RunFinished, ActivityError> {
        unimplemented!()
    }

    /// Matches the organisation's identities to people.
    #[activity(name = "ovia.match_identities")]
    pub fn match_identities(input: OrgRun) -> Result<StepOutcome, ActivityError> {
        unimplemented!()
    }

    /// Computes the organisation's KPI snapshots.
    #[activity(name = "ovia.kpi_rollup")]
    pub fn kpi_rollup(input: OrgRun) -> Result<StepOutcome, ActivityError> {
        unimplemented!()
    }

    /// Tries a connection's address, credentials and settings.
    #[activity(name = "ovia.connection_check")]
    pub fn connection_check(input: ConnectionRef) -> Result<ConnectionCheck, ActivityError> {
        unimplemented!()
    }
}

/// The declarations as types, for `#[activity(definition = …)]`.
pub mod definitions {
    pub use super::ovia_activities::{ConnectionCheck, KpiRollup, MatchIdentities, PullSlice, RunFinish, SyncBegin};
}

//! Declarations of the activities workflows call. `ovia-activities` implements them against these, so that a wrong input type does
//! not compile.

#![expect(clippy::unimplemented, reason = "declarations: the macro wants bodies and never calls them")]

use temporalio_macros::activity_definitions;
use temporalio_sdk::activities::ActivityError;

use crate::{
    client::ConnectionCheck,
    reconcile::{ReconcileInput, Reconciled},
    scheduled::ScheduledPlan,
    schedules::ScheduledInput,
    types::{ConnectionRef, ConnectionRun, DeliverOutcome, OrgRun, RunFinish, RunFinished, SliceOutcome, StepOutcome},
    webhooks::WebhookPulled,
};

pub struct OviaActivities;

#[activity_definitions]
impl OviaActivities {
    /// Pulls pages of a sync's streams, one stream after the other, until the slice's budget is used up or nothing is left. Marks the run
    /// running and plans its streams first. Resumes from the cursors in Postgres.
    #[activity(name = "ovia.sync_slice")]
    pub fn sync_slice(input: ConnectionRun) -> Result<SliceOutcome, ActivityError> {
        unimplemented!()
    }

    /// Pulls windows of a backfill, as `sync_slice` does streams. Plans them first.
    #[activity(name = "ovia.backfill_slice")]
    pub fn backfill_slice(input: ConnectionRun) -> Result<SliceOutcome, ActivityError> {
        unimplemented!()
    }

    /// Enumerates what the source has, and marks what vanished.
    #[activity(name = "ovia.census_slice")]
    pub fn census_slice(input: ConnectionRun) -> Result<SliceOutcome, ActivityError> {
        unimplemented!()
    }

    /// Reads stored payloads again.
    #[activity(name = "ovia.replay_slice")]
    pub fn replay_slice(input: ConnectionRun) -> Result<SliceOutcome, ActivityError> {
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

    /// Deletes what the organisation keeps no longer.
    #[activity(name = "ovia.retention_sweep")]
    pub fn retention_sweep(input: OrgRun) -> Result<StepOutcome, ActivityError> {
        unimplemented!()
    }

    /// Finds what needs attention: opens, updates and resolves risk items.
    #[activity(name = "ovia.detect_risks")]
    pub fn detect_risks(input: OrgRun) -> Result<StepOutcome, ActivityError> {
        unimplemented!()
    }

    /// Checks whether the data can be trusted.
    #[activity(name = "ovia.check_quality")]
    pub fn check_quality(input: OrgRun) -> Result<StepOutcome, ActivityError> {
        unimplemented!()
    }

    /// Writes the reports that are due, with what is to be sent of them.
    #[activity(name = "ovia.write_report")]
    pub fn write_report(input: OrgRun) -> Result<StepOutcome, ActivityError> {
        unimplemented!()
    }

    /// Sends what is due of the outbox.
    #[activity(name = "ovia.deliver_reports")]
    pub fn deliver_reports(input: OrgRun) -> Result<DeliverOutcome, ActivityError> {
        unimplemented!()
    }

    /// Makes the run a schedule asks for, or keeps why it does not start.
    #[activity(name = "ovia.scheduled_begin")]
    pub fn scheduled_begin(input: ScheduledInput) -> Result<ScheduledPlan, ActivityError> {
        unimplemented!()
    }

    /// Makes Temporal and Postgres agree about schedules and runs.
    #[activity(name = "ovia.reconcile")]
    pub fn reconcile(input: ReconcileInput) -> Result<Reconciled, ActivityError> {
        unimplemented!()
    }

    /// Tries a connection's address, credentials and settings.
    #[activity(name = "ovia.connection_check")]
    pub fn connection_check(input: ConnectionRef) -> Result<ConnectionCheck, ActivityError> {
        unimplemented!()
    }

    /// Pulls the items that a connection's webhook deliveries name, until none is pending or its time is up.
    #[activity(name = "ovia.webhook_pull")]
    pub fn webhook_pull(input: ConnectionRef) -> Result<WebhookPulled, ActivityError> {
        unimplemented!()
    }
}

/// The declarations as types, for `#[activity(definition = …)]`.
pub mod definitions {
    pub use super::ovia_activities::{
        BackfillSlice, CensusSlice, CheckQuality, ConnectionCheck, DeliverReports, DetectRisks, KpiRollup, MatchIdentities, Reconcile,
        ReplaySlice, RetentionSweep, RunFinish, ScheduledBegin, SyncSlice, WebhookPull, WriteReport,
    };
}

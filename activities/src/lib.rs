#![doc = include_str!("../README.md")]

mod backfill_slice;
pub mod budget;
mod census;
mod check_quality;
mod connection_check;
mod connector;
mod deliver;
mod details;
mod detect_risks;
mod failure;
mod integrity;
pub mod kpi_rollup;
mod list;
pub mod match_identities;
mod pulse;
mod reconcile;
mod replay;
mod report;
mod retention;
mod run_finish;
mod scheduled;
mod slice;
mod sync_slice;
mod webhook_pull;

use std::sync::Arc;

pub use deliver::{Mailer, MailerError};

use ovia_connectors::contract::RetryLimits;
use ovia_store::{Sealer, Store};
use ovia_workflows::{
    ConnectionCheck, Engine,
    activities::definitions,
    reconcile::{ReconcileInput, Reconciled},
    scheduled::ScheduledPlan,
    schedules::ScheduledInput,
    types::{ConnectionRef, ConnectionRun, DeliverOutcome, OrgRun, RunFinish, RunFinished, SliceOutcome, StepOutcome},
    webhooks::WebhookPulled,
};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

/// What activities need. One per worker.
pub struct Activities {
    pub store: Store,
    /// Opens sealed credentials; without it no connection can be used.
    pub sealer: Option<Sealer>,
    /// Whether sources may be on private or loopback addresses.
    pub allow_private_addresses: bool,
    pub retry: RetryLimits,
    /// Temporal, for the reconciler and for what schedules start.
    pub engine: Arc<dyn Engine>,
    /// OVIA_KILL_SWITCH: no scheduled or background work, of whatever organisation.
    pub kill_switch: bool,
    /// Sends reports by e-mail; without it those deliveries wait.
    pub mailer: Option<Mailer>,
    /// What sources and organisations allow, as far as this worker knows.
    pub budgets: budget::Budgets,
    /// What matching of organisations remembers from one run to the next.
    pub matchers: match_identities::Matchers,
}

#[activities]
impl Activities {
    #[activity(definition = definitions::SyncSlice)]
    pub async fn sync_slice(self: Arc<Self>, ctx: ActivityContext, input: ConnectionRun) -> Result<SliceOutcome, ActivityError> {
        sync_slice::sync_slice(&self, &ctx, input).await
    }

    #[activity(definition = definitions::BackfillSlice)]
    pub async fn backfill_slice(self: Arc<Self>, ctx: ActivityContext, input: ConnectionRun) -> Result<SliceOutcome, ActivityError> {
        backfill_slice::backfill_slice(&self, &ctx, input).await
    }

    #[activity(definition = definitions::RunFinish)]
    pub async fn run_finish(self: Arc<Self>, _ctx: ActivityContext, input: RunFinish) -> Result<RunFinished, ActivityError> {
        run_finish::run_finish(&self, input).await
    }

    #[activity(definition = definitions::MatchIdentities)]
    pub async fn match_identities(self: Arc<Self>, ctx: ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
        match_identities::match_identities(&self, &ctx, input).await
    }

    #[activity(definition = definitions::CensusSlice)]
    pub async fn census_slice(self: Arc<Self>, ctx: ActivityContext, input: ConnectionRun) -> Result<SliceOutcome, ActivityError> {
        census::census_slice(&self, &ctx, input).await
    }

    #[activity(definition = definitions::ReplaySlice)]
    pub async fn replay_slice(self: Arc<Self>, ctx: ActivityContext, input: ConnectionRun) -> Result<SliceOutcome, ActivityError> {
        replay::replay_slice(&self, &ctx, input).await
    }

    #[activity(definition = definitions::KpiRollup)]
    pub async fn kpi_rollup(self: Arc<Self>, ctx: ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
        kpi_rollup::kpi_rollup(&self, &ctx, input).await
    }

    #[activity(definition = definitions::RetentionSweep)]
    pub async fn retention_sweep(self: Arc<Self>, ctx: ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
        retention::retention_sweep(&self, &ctx, input).await
    }

    #[activity(definition = definitions::DetectRisks)]
    pub async fn detect_risks(self: Arc<Self>, ctx: ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
        detect_risks::detect_risks(&self, &ctx, input).await
    }

    #[activity(definition = definitions::CheckQuality)]
    pub async fn check_quality(self: Arc<Self>, ctx: ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
        check_quality::check_quality(&self, &ctx, input).await
    }

    #[activity(definition = definitions::WriteReport)]
    pub async fn write_report(self: Arc<Self>, ctx: ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
        report::write_report(&self, &ctx, input).await
    }

    #[activity(definition = definitions::DeliverReports)]
    pub async fn deliver_reports(self: Arc<Self>, ctx: ActivityContext, input: OrgRun) -> Result<DeliverOutcome, ActivityError> {
        deliver::deliver_reports(&self, &ctx, input).await
    }

    #[activity(definition = definitions::ScheduledBegin)]
    pub async fn scheduled_begin(self: Arc<Self>, ctx: ActivityContext, input: ScheduledInput) -> Result<ScheduledPlan, ActivityError> {
        scheduled::scheduled_begin(&self, &ctx, input).await
    }

    #[activity(definition = definitions::Reconcile)]
    pub async fn reconcile(self: Arc<Self>, ctx: ActivityContext, input: ReconcileInput) -> Result<Reconciled, ActivityError> {
        reconcile::reconcile(&self, &ctx, input).await
    }

    #[activity(definition = definitions::ConnectionCheck)]
    pub async fn connection_check(self: Arc<Self>, _ctx: ActivityContext, input: ConnectionRef) -> Result<ConnectionCheck, ActivityError> {
        connection_check::connection_check(&self, input).await
    }

    #[activity(definition = definitions::WebhookPull)]
    pub async fn webhook_pull(self: Arc<Self>, ctx: ActivityContext, input: ConnectionRef) -> Result<WebhookPulled, ActivityError> {
        webhook_pull::webhook_pull(&self, &ctx, input).await
    }
}

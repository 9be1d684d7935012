//! `ovia.scheduled`: what a schedule starts. It makes the run, starts the run's workflow and lasts as long, so that Temporal's overlap
//! policies are about runs.

use ovia_domain::{ConnectionId, OrgId, RunId, RunKind, RunStatus, Source};
use serde::{Deserialize, Serialize};
use temporalio_common::{Priority, WorkflowDefinition, data_converters::TemporalDeserializable, search_attributes::SearchAttributes};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ChildWorkflowOptions, ChildWorkflowStartError, ParentClosePolicy, WorkflowContext, WorkflowIdReusePolicy, WorkflowResult,
    WorkflowTermination,
};

use crate::{
    activities::OviaActivities,
    census::CensusWorkflow,
    kpi_rollup::KpiRollupWorkflow,
    matching::MatchingWorkflow,
    names, policies,
    quality::QualityWorkflow,
    report::ReportWorkflow,
    retention::RetentionWorkflow,
    schedules::ScheduledInput,
    sync::SyncWorkflow,
    types::{ConnectionRun, OrgRun, SyncTuning},
};

/// What `ovia.scheduled_begin` found.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum ScheduledPlan {
    /// The run's row is there: start it.
    Start(ScheduledStart),
    /// The run is kept as skipped.
    Skipped { run_id: RunId, reason: String },
    /// An earlier attempt started it, and it is over.
    Over { run_id: RunId },
    /// The schedule is no more.
    Gone,
}

/// A run to start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScheduledStart {
    pub run_id: RunId,
    pub kind: RunKind,
    #[serde(default)]
    pub connection: Option<(ConnectionId, Source)>,
    pub workflow_id: String,
    pub summary: String,
    #[serde(default)]
    pub tuning: SyncTuning,
}

/// How it ended, for the Temporal UI.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum ScheduledEnd {
    Ended { run_id: RunId, status: Option<RunStatus> },
    Skipped { run_id: RunId, reason: String },
    Gone,
}

#[workflow]
#[derive(Default)]
pub struct ScheduledWorkflow;

#[workflow_methods]
impl ScheduledWorkflow {
    #[run(name = "ovia.scheduled")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: ScheduledInput) -> WorkflowResult<ScheduledEnd> {
        match ctx.execute_activity(OviaActivities::scheduled_begin, input.clone(), policies::bookkeeping()).await? {
            ScheduledPlan::Start(start) => {
                let run_id = start.run_id;
                let status = run_to_its_end(ctx, input.org_id, start).await?;
                if ctx.cancellation_token().is_cancelled() {
                    return Err(WorkflowTermination::cancelled());
                }
                Ok(ScheduledEnd::Ended { run_id, status })
            }
            ScheduledPlan::Skipped { run_id, reason } => Ok(ScheduledEnd::Skipped { run_id, reason }),
            ScheduledPlan::Over { run_id } => Ok(ScheduledEnd::Ended { run_id, status: None }),
            ScheduledPlan::Gone => Ok(ScheduledEnd::Gone),
        }
    }
}

/// Starts the run's workflow and waits for its end. A failed run is its own workflow's failure, not this one's.
async fn run_to_its_end(
    ctx: &WorkflowContext<ScheduledWorkflow>,
    org_id: OrgId,
    start: ScheduledStart,
) -> Result<Option<RunStatus>, WorkflowTermination> {
    let options = options(org_id, &start);
    let (run_id, tuning) = (start.run_id, start.tuning);
    let org_run = OrgRun { org_id, run_id, then_rollup: true };
    match (start.kind, start.connection) {
        (RunKind::Sync, Some((connection_id, source))) => {
            let input = ConnectionRun { org_id, run_id, connection_id, source, tuning };
            child(ctx, SyncWorkflow::run, input, options).await
        }
        (RunKind::Census, Some((connection_id, source))) => {
            let input = ConnectionRun { org_id, run_id, connection_id, source, tuning };
            child(ctx, CensusWorkflow::run, input, options).await
        }
        (RunKind::Matching, _) => child(ctx, MatchingWorkflow::run, org_run, options).await,
        (RunKind::KpiRollup, _) => child(ctx, KpiRollupWorkflow::run, org_run, options).await,
        (RunKind::Retention, _) => child(ctx, RetentionWorkflow::run, org_run, options).await,
        (RunKind::Report, _) => child(ctx, ReportWorkflow::run, org_run, options).await,
        (RunKind::Quality, _) => child(ctx, QualityWorkflow::run, org_run, options).await,
        // the run's row is queued: who looks for such rows starts it, or says why not
        _ => Ok(None),
    }
}

async fn child<WD>(
    ctx: &WorkflowContext<ScheduledWorkflow>,
    workflow: WD,
    input: WD::Input,
    options: ChildWorkflowOptions,
) -> Result<Option<RunStatus>, WorkflowTermination>
where
    WD: WorkflowDefinition<Output = RunStatus> + 'static,
    WD::Output: TemporalDeserializable,
{
    match ctx.start_child_workflow(workflow, input, options).await {
        // the child waits for its own clean-up when this workflow is cancelled, so this does too
        Ok(started) => Ok(started.result().await.ok()),
        // somebody else started it
        Err(ChildWorkflowStartError::StartFailed { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn options(org_id: OrgId, start: &ScheduledStart) -> ChildWorkflowOptions {
    let mut attributes = vec![
        names::ORG.value_set(org_id.to_string()),
        names::RUN_KIND.value_set(start.kind.to_string()),
        names::RUN_ID.value_set(start.run_id.to_string()),
    ];
    if let Some((connection_id, source)) = start.connection {
        attributes.push(names::CONNECTION.value_set(connection_id.to_string()));
        attributes.push(names::SOURCE.value_set(source.to_string()));
    }
    ChildWorkflowOptions::builder()
        .workflow_id(start.workflow_id.clone())
        .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
        // this workflow ends before the run's only when somebody terminates it, `terminate_other` for one: that is meant for the run
        .parent_close_policy(ParentClosePolicy::Terminate)
        .search_attributes(SearchAttributes::new(attributes))
        .priority(Priority::builder().fairness_key(org_id.to_string()).priority_key(policies::priority(start.kind)).build())
        .static_summary(start.summary.clone())
        .build()
}

//! Starting the run that follows a finished one, as a workflow of its own that outlives its parent.

use temporalio_common::search_attributes::SearchAttributes;
use temporalio_sdk::{
    ChildWorkflowOptions, ChildWorkflowStartError, ParentClosePolicy, WorkflowCancellationToken, WorkflowContext, WorkflowIdReusePolicy,
};

use ovia_domain::{OrgId, RunId, RunKind};

use crate::{
    kpi_rollup::KpiRollupWorkflow,
    matching::MatchingWorkflow,
    names,
    types::{FollowUp, OrgRun},
};

/// Starts `follow_up`. One that was already started (this workflow was reset, or the API was faster) is left alone.
pub async fn start<W>(ctx: &WorkflowContext<W>, org_id: OrgId, follow_up: FollowUp) -> Result<(), ChildWorkflowStartError> {
    let options = options(org_id, &follow_up);
    let input = OrgRun { org_id, run_id: follow_up.run_id, then_rollup: follow_up.kind == RunKind::Matching };
    let started = match follow_up.kind {
        RunKind::Matching => ctx.start_child_workflow(MatchingWorkflow::run, input, options).await.map(|_| ()),
        RunKind::KpiRollup => ctx.start_child_workflow(KpiRollupWorkflow::run, input, options).await.map(|_| ()),
        _ => Ok(()),
    };
    match started {
        Err(ChildWorkflowStartError::StartFailed { .. }) => Ok(()),
        other => other,
    }
}

fn options(org_id: OrgId, follow_up: &FollowUp) -> ChildWorkflowOptions {
    ChildWorkflowOptions::builder()
        .workflow_id(follow_up.workflow_id.clone())
        .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
        .parent_close_policy(ParentClosePolicy::Abandon)
        .cancellation_token(WorkflowCancellationToken::new())
        .search_attributes(org_run_attributes(org_id, follow_up.run_id, follow_up.kind))
        .static_summary(format!("{} after a sync", follow_up.kind.title()))
        .build()
}

pub(crate) fn org_run_attributes(org_id: OrgId, run_id: RunId, kind: RunKind) -> SearchAttributes {
    SearchAttributes::new([
        names::ORG.value_set(org_id.to_string()),
        names::RUN_KIND.value_set(kind.to_string()),
        names::RUN_ID.value_set(run_id.to_string()),
    ])
}

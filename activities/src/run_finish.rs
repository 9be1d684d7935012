//! `ovia.run_finish`. Twice: the second changes nothing and answers the same follow-up.

use ovia_domain::{RunId, RunKind};
use ovia_store::runs::NewRun;
use ovia_workflows::{
    types::{FollowUp, RunFinish, RunFinished},
    workflow_id,
};
use temporalio_sdk::activities::ActivityError;

use crate::{Activities, failure};

pub async fn run_finish(activities: &Activities, input: RunFinish) -> Result<RunFinished, ActivityError> {
    let mut follow_up = input.follow_up.map(|kind| follow_up_of(&input, kind));
    // a run that only tries a configuration changed nothing that figures would have to follow
    if follow_up.is_some() && activities.store.matching_preview_asked(input.org_id, input.run_id).await.map_err(failure::store)?.is_some() {
        follow_up = None;
    }
    let finished = activities.store.run_finish(input.org_id, input.run_id, input.status, input.error.as_ref(), follow_up).await;
    let (status, next) = finished.map_err(failure::store)?;
    let follow_up = next.map(|new| FollowUp { run_id: new.run_id, kind: new.kind, workflow_id: new.workflow_id });
    Ok(RunFinished { status, follow_up })
}

fn follow_up_of(input: &RunFinish, kind: RunKind) -> NewRun {
    let run_id = RunId::generate();
    NewRun {
        org_id: input.org_id,
        run_id,
        kind,
        connection_id: None,
        source: None,
        requested_by: format!("run:{}", input.run_id),
        params: serde_json::json!({}),
        parent_run_id: Some(input.run_id),
        retry_of: None,
        workflow_id: workflow_id(kind, input.org_id, None, run_id),
    }
}

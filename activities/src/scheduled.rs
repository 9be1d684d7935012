//! `ovia.scheduled_begin`. Twice: the run's id is made from the workflow's, so the second finds what the first made.

use ovia_domain::{ConnectionId, ErrorCode, RunError, RunId, Schedule, Source};
use ovia_store::{runs::NewRun, scheduled_runs::ScheduledRun, schedules::ScheduleRow};
use ovia_workflows::{
    delivery::summary,
    scheduled::{ScheduledPlan, ScheduledStart},
    schedules::{ScheduledInput, requested_by},
    workflow_id,
};
use serde_json::json;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use uuid::Uuid;

use crate::{Activities, failure, reconcile};

pub async fn scheduled_begin(
    activities: &Activities,
    ctx: &ActivityContext,
    input: ScheduledInput,
) -> Result<ScheduledPlan, ActivityError> {
    let store = &activities.store;
    let Some(row) = store.schedule_fetch(input.org_id, input.schedule_id).await.map_err(failure::store)? else {
        return Ok(ScheduledPlan::Gone);
    };
    let new = new_run(&row.schedule, row.source, ctx.info().workflow_run_id.as_deref().unwrap_or_default());
    if let Some(why) = obstacle(activities, &row.schedule).await? {
        return skip(activities, &new, why).await;
    }
    let created = match store.scheduled_run_create(&new).await.map_err(failure::store)? {
        // what is in the way may have ended without saying so, as a workflow that this schedule just terminated
        ScheduledRun::Busy(open) if reconcile::close_if_ended(activities, input.org_id, open).await? => {
            store.scheduled_run_create(&new).await.map_err(failure::store)?
        }
        created => created,
    };
    match created {
        ScheduledRun::Open => Ok(ScheduledPlan::Start(start(activities, &row, new))),
        ScheduledRun::Over => Ok(ScheduledPlan::Over { run_id: new.run_id }),
        ScheduledRun::Busy(open) => skip(activities, &new, busy(&new, open)).await,
    }
}

fn new_run(schedule: &Schedule, source: Option<Source>, workflow_run_id: &str) -> NewRun {
    let run_id = RunId(Uuid::new_v5(&schedule.id.0, workflow_run_id.as_bytes()));
    NewRun {
        org_id: schedule.org_id,
        run_id,
        kind: schedule.kind,
        connection_id: schedule.connection_id,
        source,
        requested_by: requested_by(schedule.id),
        params: schedule.period.map_or_else(|| json!({}), |period| json!({"period": period})),
        parent_run_id: None,
        retry_of: None,
        workflow_id: workflow_id(schedule.kind, schedule.org_id, schedule.connection_id, run_id),
    }
}

fn start(activities: &Activities, row: &ScheduleRow, new: NewRun) -> ScheduledStart {
    let connection: Option<(ConnectionId, Source)> = new.connection_id.zip(new.source);
    ScheduledStart {
        run_id: new.run_id,
        kind: new.kind,
        connection,
        workflow_id: new.workflow_id,
        summary: summary(new.kind, row.connection_name.as_deref().zip(new.source), &new.requested_by),
        tuning: activities.engine.tuning(),
    }
}

/// Why scheduled work may not start now.
async fn obstacle(activities: &Activities, schedule: &Schedule) -> Result<Option<RunError>, ActivityError> {
    let store = &activities.store;
    if activities.kill_switch {
        let message = "The kill switch of the whole installation is on (OVIA_KILL_SWITCH of the worker): scheduled work does not start.";
        return Ok(Some(why(message, "Take OVIA_KILL_SWITCH away and start the workers again.")));
    }
    if let Some(switch) = store.kill_switch_fetch(schedule.org_id).await.map_err(failure::store)?.filter(|switch| switch.engaged) {
        let reason = switch.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let message = format!("The kill switch is on, set by {}{reason}. Scheduled work does not start.", switch.changed_by);
        return Ok(Some(why(message, "Release it with PUT /admin/kill-switch or `ovia kill-switch off`.")));
    }
    let Some(connection_id) = schedule.connection_id else { return Ok(None) };
    let paused = store.connection_paused_at(schedule.org_id, connection_id).await.map_err(failure::store)?;
    Ok(paused.map(|_| why("The connection is paused.", "Resume it with POST /connections/{id}/resume.")))
}

fn busy(new: &NewRun, open: RunId) -> RunError {
    let kind = new.kind.title();
    why(format!("{kind} run {open} had not ended when this one was due."), "Nothing has to be done; a longer interval avoids it.")
}

async fn skip(activities: &Activities, new: &NewRun, why: RunError) -> Result<ScheduledPlan, ActivityError> {
    activities.store.scheduled_run_skip(new, &why).await.map_err(failure::store)?;
    Ok(ScheduledPlan::Skipped { run_id: new.run_id, reason: why.message })
}

fn why(message: impl Into<String>, hint: &str) -> RunError {
    RunError { code: ErrorCode::Conflict, message: message.into(), hint: hint.into(), request: None }
}

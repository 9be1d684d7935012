//! `ovia.reconcile`: one pass over all schedules and all open runs. Twice: the second finds everything in order.
//!
//! What fails is logged and left to the next pass, so that one bad schedule does not keep the rest from being looked after.

use std::sync::atomic::{AtomicU32, Ordering};

use ovia_domain::{OrgId, RunId};
use ovia_workflows::reconcile::{ReconcileInput, Reconciled};
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::{Activities, failure, pulse};

mod runs;
mod schedules;
mod webhooks;

/// Calls to Temporal at once.
const CONCURRENCY: usize = 8;

/// What a pass has done so far.
#[derive(Default)]
struct Tally {
    schedules_put: AtomicU32,
    schedules_removed: AtomicU32,
    runs_started: AtomicU32,
    runs_closed: AtomicU32,
    runs_terminated: AtomicU32,
    webhooks_told: AtomicU32,
    failures: AtomicU32,
}

impl Tally {
    fn add(count: &AtomicU32) {
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn result(&self) -> Reconciled {
        let of = |count: &AtomicU32| count.load(Ordering::Relaxed);
        Reconciled {
            schedules_put: of(&self.schedules_put),
            schedules_removed: of(&self.schedules_removed),
            runs_started: of(&self.runs_started),
            runs_closed: of(&self.runs_closed),
            runs_terminated: of(&self.runs_terminated),
            webhooks_told: of(&self.webhooks_told),
            failures: of(&self.failures),
        }
    }
}

pub async fn reconcile(activities: &Activities, ctx: &ActivityContext, _: ReconcileInput) -> Result<Reconciled, ActivityError> {
    let tally = Tally::default();
    let pass = async {
        // runs first: a person may wait for one
        runs::pass(activities, &tally).await?;
        webhooks::pass(activities, &tally).await?;
        schedules::pass(activities, &tally).await
    };
    let Some(passed) = pulse::with_pulse(ctx, pass).await else {
        return Err(ActivityError::cancelled());
    };
    passed.map_err(failure::store)?;
    Ok(tally.result())
}

/// Closes the run if it is open although its workflow has ended. Whether it is over now.
pub async fn close_if_ended(activities: &Activities, org: OrgId, run: RunId) -> Result<bool, ActivityError> {
    let Some(row) = activities.store.run_fetch(org, run).await.map_err(failure::store)? else { return Ok(true) };
    match runs::close_if_ended(activities, org, run, &row.workflow_id).await {
        Ok(over) => Ok(over),
        Err(error) => {
            tracing::warn!(run_id = %run, %error, "failed to ask how a run's workflow is");
            Ok(false)
        }
    }
}

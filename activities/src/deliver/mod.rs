//! `ovia.deliver_reports`. Claims what is due from the outbox one at a time, sends it and settles it at once. Two workers share what is due;
//! after a crash what was claimed is due again, and a receiver that got it already sees the same id again.

mod email;
mod webhook;

use std::time::{Duration, Instant};

use ovia_domain::{
    RunStatus,
    report::{DELIVERY_WAIT_MAX_SECONDS, DestinationKind},
};
use ovia_store::{
    StoreError,
    outbox::{Attempt, DueDelivery},
    runs::RunBegun,
};
use ovia_workflows::types::{DeliverOutcome, OrgRun};
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::{Activities, failure, pulse};

pub use email::{Mailer, MailerError};

/// One call sends for so long; the next goes on.
const SENDING_MAX: Duration = Duration::from_secs(300);

pub async fn deliver_reports(activities: &Activities, ctx: &ActivityContext, input: OrgRun) -> Result<DeliverOutcome, ActivityError> {
    let store = &activities.store;
    if store.run_begin(input.org_id, input.run_id, &[], &[]).await.map_err(failure::store)? == RunBegun::Stop {
        return Ok(DeliverOutcome::Cancelled);
    }
    let Some(delivered) = pulse::with_pulse(ctx, deliver(activities, &input)).await else {
        return Err(ActivityError::cancelled());
    };
    delivered.map_err(failure::store)
}

async fn deliver(activities: &Activities, input: &OrgRun) -> Result<DeliverOutcome, StoreError> {
    let (store, org) = (&activities.store, input.org_id);
    let began = Instant::now();
    while began.elapsed() < SENDING_MAX {
        let status = store.run_status(org, input.run_id).await?;
        if status.is_none_or(|status| status == RunStatus::Cancelling || status.is_terminal()) {
            return Ok(DeliverOutcome::Cancelled);
        }
        let Some(due) = store.outbox_claim(org).await? else { break };
        let attempt = attempt(activities, input, &due).await;
        store.outbox_settle(org, due.id, &attempt).await?;
    }
    Ok(match store.outbox_pending(org).await? {
        None => DeliverOutcome::Done,
        Some((_, wait)) if wait <= DELIVERY_WAIT_MAX_SECONDS * 1000 => {
            DeliverOutcome::Waiting { wait_ms: u64::try_from(wait).unwrap_or_default().max(500) }
        }
        Some((pending, _)) => DeliverOutcome::Left { pending },
    })
}

async fn attempt(activities: &Activities, input: &OrgRun, due: &DueDelivery) -> Attempt {
    match DestinationKind::parse(&due.kind) {
        Some(DestinationKind::Webhook) => webhook::send(activities, input.org_id, due).await,
        Some(DestinationKind::Email) => match &activities.mailer {
            Some(mailer) => mailer.send(due).await,
            None => Attempt::NotYet("this worker has no SMTP server: set OVIA_SMTP_URL".to_owned()),
        },
        None => Attempt::Refused(format!("this worker does not know destinations of kind {}", due.kind)),
    }
}

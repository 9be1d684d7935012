//! `ovia.deliver_reports`. Sends what is due from the outbox, one after the other, and settles each at once. Twice sends what is still
//! pending; a receiver that got one already sees the same id again.

mod email;
mod webhook;

use std::time::Duration;

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

/// Rows read at a time.
const BATCH: i64 = 20;
/// For one delivery.
const TIMEOUT: Duration = Duration::from_secs(15);

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
    loop {
        let due = store.outbox_due(org, BATCH).await?;
        if due.is_empty() {
            break;
        }
        for delivery in due {
            let status = store.run_status(org, input.run_id).await?;
            if status.is_none_or(|status| status == RunStatus::Cancelling || status.is_terminal()) {
                return Ok(DeliverOutcome::Cancelled);
            }
            let attempt = attempt(activities, input, &delivery).await;
            store.outbox_settle(org, delivery.id, &attempt).await?;
        }
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
            None => Attempt::Failed("this worker has no SMTP server: set OVIA_SMTP_URL".to_owned()),
        },
        None => Attempt::Refused(format!("this worker does not know destinations of kind {}", due.kind)),
    }
}

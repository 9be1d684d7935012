//! `ovia.kpi_rollup`. Reads one state of the database, computes the windows that were touched since the last rollup, and stores what
//! differs, slice by slice. Twice stores nothing the second time; an attempt that takes over goes on behind the slices that are stored.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use ovia_domain::{OrgId, RunId};
use ovia_kpi::KpiSettings;
use ovia_store::{Store, StoreError, kpi::touched::TouchedSpan, runs::RunBegun};
use ovia_workflows::types::{OrgRun, StepOutcome};
use serde::Deserialize;
use serde_json::json;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tracing::debug;

use crate::{Activities, failure, pulse};

mod attempt;
mod attributions;
mod causes;
mod day_rows;
mod days;
mod figures;
mod firsts;
pub mod load;
mod plan;
mod reading;
mod sums;

use attempt::{Attempt, lap};
use causes::Happened;
use load::Base;
use plan::{Basis, Scope};

/// How often an attempt looks whether the one before it has let go of the lock.
const LOCK_LOOK: Duration = Duration::from_millis(500);

pub(crate) async fn kpi_rollup(activities: &Activities, ctx: &ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
    let store = &activities.store;
    if store.run_begin(input.org_id, input.run_id, &[], &[]).await.map_err(failure::store)? == RunBegun::Stop {
        return Ok(StepOutcome::Cancelled);
    }
    let Some(rolled) = pulse::with_pulse(ctx, rollup(store, input.org_id, input.run_id)).await else {
        return Err(ActivityError::cancelled());
    };
    rolled.map_err(failure::store)
}

/// What a person may ask of a rollup.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Params {
    as_of: Option<DateTime<Utc>>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

/// One attempt of a run, as the activity makes it: what came of it is in the run's result. Waits for the attempt before it to end.
pub async fn rollup(store: &Store, org: OrgId, run: RunId) -> Result<StepOutcome, StoreError> {
    // only faster: figures come out the same without. Before the lock, whose transaction holds the watermark back
    if let Err(error) = store.kpi_changes_summarise().await {
        debug!(run = %run, %error, "KPIs: failed to summarise what changed");
    }
    let lock = loop {
        match store.kpi_rollup_lock(org).await? {
            Some(lock) => break lock,
            None => tokio::time::sleep(LOCK_LOOK).await,
        }
    };
    let (params, started_at) = store.run_params(org, run).await?.unwrap_or((json!({}), None));
    let params: Params = serde_json::from_value(params)?;
    // the same for every attempt of the run; not before the figures that are there: of two runs either may be first to get the lock
    let as_of = params.as_of.or(started_at.max(lock.state.as_of)).unwrap_or_else(Utc::now);
    let set = store.kpi_settings(org).await?;
    // what somebody stored was checked then; what a later version does not take any more is as shipped
    let settings: KpiSettings = serde_json::from_value(set.settings).unwrap_or_default();

    // in this order: what is committed after the watermark was taken is read again by the next rollup
    let watermark = store.kpi_watermark().await?;
    let mut reader = store.kpi_reader(org).await?;
    let people = reader.changed_people(lock.state.changed_people_id).await?;
    let changed_people_id = people.last().map_or(lock.state.changed_people_id, |row| row.id);
    let (identity_epoch, inputs_at) = (reader.identity_epoch().await?, reader.inputs_at().await?);
    let now = Basis { as_of, settings_version: set.version, basis: reader.basis().await?, people };

    let range = params.from.map(|from| (from, params.to.unwrap_or(as_of)));
    let mut since = Instant::now();
    let (base, happened) = match store.kpi_reader_beside(&mut reader).await? {
        Some(mut beside) => {
            let read = tokio::try_join!(Base::read(&mut reader, &settings), Happened::read(&mut beside, &lock.state, &now, &settings))?;
            beside.finish().await;
            read
        }
        None => (Base::read(&mut reader, &settings).await?, Happened::read(&mut reader, &lock.state, &now, &settings).await?),
    };
    debug!(run = %run, seconds = lap(&mut since), "KPIs: read what only all rows can tell, and what happened");
    let scope = match (plan::incremental(&lock.state, &now), range) {
        (Err(why), _) => Scope::Everything { why },
        // a range is asked for on top of figures that are there; without them everything is missing
        (Ok(_), Some((from, to))) => Scope::Range { from, to },
        // windows that went on since then, or ended
        (Ok((_, previous)), None) => Scope::Touched(vec![TouchedSpan { from: previous, to: as_of }]),
    };
    let attempt = Attempt {
        store,
        org,
        run,
        lock,
        watermark,
        changed_people_id,
        identity_epoch,
        inputs_at,
        settings,
        person_level: set.person_level,
        now,
    };
    attempt.run(reader, base, scope, happened).await
}

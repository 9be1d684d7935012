//! `ovia.match_identities`. Reads, matches and writes what differs, batch by batch; twice writes nothing the second time.
//!
//! The engine runs outside of any transaction. What is written is checked against the identity epoch that was read: where somebody decided,
//! or another run wrote, in the meantime, everything is read and matched again, which costs little because a matcher remembers.

mod batches;
mod desired;
mod inputs;
mod matchers;
mod persons;
mod preview;
mod refused;

use chrono::Utc;
use ovia_domain::{ErrorCode, OrgId, RunError, RunId};
use ovia_matching::{MatchConfig, RULE_SET_VERSION};
use ovia_store::{
    Store, StoreError,
    matching::{BatchOutcome, MatchingApplied, MatchingBy, MatchingRead},
    runs::RunBegun,
};
use ovia_workflows::types::{OrgRun, StepOutcome};
use serde_json::{Value, json};
use temporalio_sdk::activities::{ActivityContext, ActivityError};

pub use matchers::Matchers;
pub use preview::preview;

use crate::{Activities, failure, pulse};
use desired::Desired;

/// People decide seconds apart and a pass takes less: so many passes in vain mean that something else is wrong.
const MOST_PASSES: u32 = 20;

/// How a matching run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Matched {
    /// With what `runs.result` says.
    Done(Value),
    /// Asked to stop.
    Stopped,
    /// The organisation's configuration is not one this version understands.
    BadConfig(String),
}

pub async fn match_identities(activities: &Activities, ctx: &ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
    let store = &activities.store;
    if store.run_begin(input.org_id, input.run_id, &[], &[]).await.map_err(failure::store)? == RunBegun::Stop {
        return Ok(StepOutcome::Cancelled);
    }
    let Some(matched) = pulse::with_pulse(ctx, matching(activities, &input)).await else {
        return Err(ActivityError::cancelled());
    };
    Ok(match matched.map_err(failure::store)? {
        Matched::Done(_) => StepOutcome::Done,
        Matched::Stopped => StepOutcome::Cancelled,
        Matched::BadConfig(message) => StepOutcome::Failed {
            error: RunError {
                code: ErrorCode::NotConfigured,
                message: format!("The configuration of matching cannot be read: {message}."),
                hint: "Put a valid configuration in force.".into(),
                request: None,
            },
        },
    })
}

async fn matching(activities: &Activities, input: &OrgRun) -> Result<Matched, StoreError> {
    let (store, matchers) = (&activities.store, &activities.matchers);
    match store.matching_preview_asked(input.org_id, input.run_id).await? {
        Some(config) => preview(store, input.org_id, input.run_id, &config).await,
        None => run_matching(store, matchers, input.org_id, input.run_id).await,
    }
}

/// Matches an organisation for a run that is running, and keeps what came of it as the run's result.
pub async fn run_matching(store: &Store, matchers: &Matchers, org: OrgId, run: RunId) -> Result<Matched, StoreError> {
    store.account_activity_refresh(org, Utc::now()).await?;
    let mut applied = MatchingApplied::default();
    for pass in 1..=MOST_PASSES {
        let read = store.matching_read(org).await?;
        let config = match config_of(&read) {
            Ok(config) => config,
            Err(error) => return Ok(Matched::BadConfig(error.to_string())),
        };
        let version = read.config.as_ref().map_or(0, |config| config.version);
        let by = MatchingBy { run, rule_set_version: RULE_SET_VERSION, config_version: version };
        let matcher = matchers.of(org, version, &config);
        let (desired, read) = desired::compute(matcher, read).await;
        match batches::write(store, org, by, &read, &desired, &mut applied).await? {
            BatchOutcome::Outdated => continue,
            BatchOutcome::Stop => return Ok(Matched::Stopped),
            BatchOutcome::Written(_) => {}
        }
        let result = result(&read, &desired, &applied, pass)?;
        store.run_result_set(org, run, &result).await?;
        return Ok(Matched::Done(result));
    }
    Err(StoreError::Conflict("identities kept changing while they were matched".into()))
}

/// As shipped where nothing is set.
fn config_of(read: &MatchingRead) -> Result<MatchConfig, serde_json::Error> {
    read.config.as_ref().map_or_else(|| Ok(MatchConfig::default()), |row| serde_json::from_value(row.config.clone()))
}

fn result(read: &MatchingRead, desired: &Desired, applied: &MatchingApplied, passes: u32) -> Result<Value, StoreError> {
    let mut result = json!({
        "identities": read.identities.len(),
        "people": desired.people.len(),
        "conflicts": desired.conflicts(),
        "passes": passes,
    });
    if let (Some(result), Value::Object(applied)) = (result.as_object_mut(), serde_json::to_value(applied)?) {
        result.extend(applied);
    }
    Ok(result)
}

//! `/admin/kill-switch`: stops scheduled and background work of the organisation at once.

use ovia_store::kill_switch::KillSwitchRow;
use poem_openapi::{Object, OpenApi, payload::Json};
use serde::Deserialize;

use crate::{auth::Caller, body::Body, problem::Problem, service::Tag, state::ApiState, time::Time};

pub(crate) struct KillSwitchApi(pub ApiState);

/// Longest reason, in characters.
const REASON_MAX: usize = 500;

/// How the switch is to stand.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct KillSwitchIn {
    engaged: bool,
    /// Shown wherever the switch keeps something from starting.
    #[serde(default)]
    reason: Option<String>,
}

/// How the switch stands.
#[derive(Object)]
#[oai(rename = "KillSwitch")]
pub(crate) struct KillSwitchOut {
    /// Scheduled and background work of the organisation does not start, and what was running has paused after its slice.
    engaged: bool,
    reason: Option<String>,
    /// `token:<name>`; null if it was never touched.
    changed_by: Option<String>,
    changed_at: Option<Time>,
    /// OVIA_KILL_SWITCH of this server is on. It is about every organisation, and only the operator can take it away.
    engaged_by_environment: bool,
}

#[OpenApi(tag = "Tag::Operations")]
impl KillSwitchApi {
    /// Whether the kill switch is on
    #[oai(path = "/admin/kill-switch", method = "get", operation_id = "kill_switch_fetch")]
    async fn fetch(&self, caller: Caller) -> Result<Json<KillSwitchOut>, Problem> {
        let row = self.0.config.store.kill_switch_fetch(caller.org_id()).await?;
        Ok(Json(self.out(row)))
    }

    /// Set the kill switch
    ///
    /// While it is on, schedules make runs that are `skipped`, and scheduled runs, backfills, censuses and replays that are under way
    /// pause after their slice. What a person starts, runs. Released, they go on from where they are.
    #[oai(path = "/admin/kill-switch", method = "put", operation_id = "kill_switch_set")]
    async fn set(&self, caller: Caller, body: Body<KillSwitchIn>) -> Result<Json<KillSwitchOut>, Problem> {
        let (store, org_id, engaged) = (&self.0.config.store, caller.org_id(), body.0.engaged);
        let reason = body.0.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        if reason.is_some_and(|reason| reason.chars().count() > REASON_MAX) {
            return Err(Problem::field("reason", format!("it is longer than {REASON_MAX} characters")));
        }
        let row = store.kill_switch_set(org_id, engaged, reason, &caller.requested_by()).await?;
        if !engaged {
            self.wake(store.runs_held_by_kill_switch(org_id).await?).await;
        }
        Ok(Json(self.out(Some(row))))
    }
}

impl KillSwitchApi {
    /// Tells paused runs to look again. Those that are not reached look by themselves within a minute.
    async fn wake(&self, workflow_ids: Vec<String>) {
        for workflow_id in workflow_ids {
            if let Err(error) = self.0.config.engine.run_resume(&workflow_id).await {
                tracing::warn!(%error, "failed to tell runs that the kill switch was released; they look by themselves");
                return;
            }
        }
    }

    fn out(&self, row: Option<KillSwitchRow>) -> KillSwitchOut {
        KillSwitchOut {
            engaged: row.as_ref().is_some_and(|row| row.engaged),
            reason: row.as_ref().and_then(|row| row.reason.clone()),
            changed_by: row.as_ref().map(|row| row.changed_by.clone()),
            changed_at: row.as_ref().map(|row| row.changed_at.into()),
            engaged_by_environment: self.0.config.kill_switch,
        }
    }
}

/// Why scheduled work of the organisation does not start, if it does not.
pub(crate) async fn in_force(state: &ApiState, caller: &Caller) -> Result<Option<String>, Problem> {
    let row = state.config.store.kill_switch_fetch(caller.org_id()).await?.filter(|row| row.engaged);
    Ok(match row {
        Some(row) => {
            let reason = row.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            Some(format!("The kill switch is on, set by {}{reason}. Runs are skipped until it is released.", row.changed_by))
        }
        None if state.config.kill_switch => Some("OVIA_KILL_SWITCH is on: runs are skipped until the operator takes it away.".into()),
        None => None,
    })
}

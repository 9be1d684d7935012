//! Which letters a request means.

use ovia_domain::ConnectionId;
use ovia_store::dead_letters::{LetterSelection, ReasonFilter};

use super::types::SelectionIn;
use crate::{auth::Caller, problem::Problem, state::ApiState};

/// Letters that may be named one by one.
const IDS_MAX: usize = 1_000;

/// The selection, checked: a request that says nothing must not mean everything.
pub(super) async fn selection(state: &ApiState, caller: &Caller, given: SelectionIn) -> Result<LetterSelection, Problem> {
    let store = &state.config.store;
    if let Some(ids) = given.ids {
        if given.connection_id.is_some() || given.stream.is_some() || given.reason.is_some() || given.all.is_some() {
            return Err(Problem::field("ids", "it stands alone: leave out `connection_id`, `stream`, `reason` and `all`"));
        }
        if !(1..=IDS_MAX).contains(&ids.len()) {
            return Err(Problem::field("ids", format!("it does not hold 1 to {IDS_MAX} ids")));
        }
        if let Some(unknown) = store.dead_letters_unknown(caller.org_id(), &ids).await?.first() {
            return Err(Problem::not_found("dead-letter", unknown));
        }
        return Ok(LetterSelection { ids: Some(ids), ..LetterSelection::default() });
    }
    match (&given.reason, given.all) {
        (Some(_), None | Some(false)) | (None, Some(true)) => {}
        (Some(_), Some(true)) => return Err(Problem::field("all", "it contradicts `reason`: give one of them")),
        (None, None | Some(false)) => return Err(Problem::field("ids", "it is missing: give `ids`, a `reason`, or `all` as true")),
    }
    let connection_id = given.connection_id.map(ConnectionId);
    if let Some(id) = connection_id {
        store.connection_fetch(caller.org_id(), id).await?.ok_or_else(|| Problem::not_found("connection", id))?;
    }
    Ok(LetterSelection { connection_id, stream: given.stream, reason: given.reason.map(ReasonFilter), ..LetterSelection::default() })
}

/// No open letter is meant.
pub(crate) fn nothing() -> Problem {
    Problem::conflict("No open dead letter matches.", "GET /dead-letters?status=open lists those there are.")
}

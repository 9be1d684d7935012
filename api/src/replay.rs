//! Starting replays: of dead letters, and of what a connection's source sent.

use ovia_domain::{ConnectionId, RunId, RunKind};
use ovia_store::{dead_letters::LetterSelection, replay::ReplayParams};
use poem_openapi::{Enum, Object, OpenApi, param::Path, payload::Json};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    auth::Caller,
    body::Body,
    dead_letters::{RefusedOut, ReplaysOut, nothing},
    problem::Problem,
    runs::{Accepted, RunOut},
    runs_start::ingest_start,
    service::Tag,
    state::ApiState,
};

/// Where the payloads are read from.
#[derive(Clone, Copy, Debug, Enum, Deserialize)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
enum ReplayFrom {
    /// What the source sent, as it is stored.
    Raw,
}

/// What to read again.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "ConnectionReplay")]
struct ConnectionReplayIn {
    from: ReplayFrom,
    /// All, if not given.
    #[serde(default)]
    streams: Option<Vec<String>>,
    /// Without it the run only finds out what would change: see its `result`.
    #[serde(default)]
    apply: bool,
}

pub(crate) struct ReplayApi(pub ApiState);

#[OpenApi(tag = "Tag::Connections")]
impl ReplayApi {
    /// Read what the source sent again
    ///
    /// Makes the rows anew of the stored payloads, without the network: after a change of what Ovia makes of them. The run's `result` says,
    /// by stream and table, how many rows are added and changed, with samples of their fields before and after. Nothing is written unless
    /// `apply` is true.
    #[oai(path = "/connections/:id/replay", method = "post", operation_id = "connection_replay")]
    async fn replay(&self, caller: Caller, id: Path<Uuid>, body: Body<ConnectionReplayIn>) -> Result<Accepted, Problem> {
        let connection = ConnectionId(id.0);
        let ConnectionReplayIn { streams, apply, .. } = body.0;
        let store = &self.0.config.store;
        store.connection_fetch(caller.org_id(), connection).await?.ok_or_else(|| Problem::not_found("connection", connection))?;
        if let Some(streams) = &streams {
            let names: Vec<&str> = streams.iter().map(String::as_str).collect();
            let known = store.raw_streams(caller.org_id(), connection, &names).await?;
            if let Some(index) = streams.iter().position(|stream| !known.contains(stream)) {
                let message = format!("nothing of a stream `{}` is stored for this connection", streams[index]);
                return Err(Problem::field(format!("streams[{index}]"), message));
            }
            if streams.is_empty() {
                return Err(Problem::field("streams", "it is empty; leave it out for all"));
            }
        }
        let run_id = start(&self.0, &caller, connection, &ReplayParams::Raw { streams, apply }).await?;
        Ok(Accepted::Accepted(Json(run(&self.0, &caller, run_id).await?)))
    }
}

/// Starts a run for each connection that has open letters which `selection` means. A problem if none could be started.
pub(crate) async fn letters_replay(state: &ApiState, caller: &Caller, selection: LetterSelection) -> Result<ReplaysOut, Problem> {
    let found = state.config.store.letters_by_connection(caller.org_id(), &selection).await?;
    let mut replays = ReplaysOut { items: Vec::new(), refused: Vec::new() };
    let mut first = None;
    for letters in found {
        // letters that come while the run goes on are not meant
        let part = LetterSelection { connection_id: None, up_to_id: Some(letters.max_id), ..selection.clone() };
        match start(state, caller, letters.connection_id, &ReplayParams::DeadLetters(part)).await {
            Ok(run_id) => replays.items.push(run(state, caller, run_id).await?),
            Err(problem) => {
                replays.refused.push(RefusedOut {
                    connection_id: letters.connection_id.0,
                    detail: problem.detail.clone(),
                    hint: problem.hint.clone(),
                    run_id: problem.run_id.map(|id| id.0),
                });
                first.get_or_insert(problem);
            }
        }
    }
    if replays.items.is_empty() { Err(first.unwrap_or_else(nothing)) } else { Ok(replays) }
}

async fn start(state: &ApiState, caller: &Caller, connection: ConnectionId, params: &ReplayParams) -> Result<RunId, Problem> {
    let params: Value = serde_json::to_value(params).map_err(|error| Problem::internal(error.to_string()))?;
    ingest_start(state, caller, RunKind::Replay, connection, params, None).await
}

async fn run(state: &ApiState, caller: &Caller, id: RunId) -> Result<RunOut, Problem> {
    let row = state.config.store.run_fetch(caller.org_id(), id).await?;
    Ok(RunOut::new(row.ok_or_else(|| Problem::not_found("run", id))?, state))
}

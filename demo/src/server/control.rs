//! `/_demo/…`: lets another process see and steer the stand-in. No token; it listens on loopback.
//!
//! `GET|DELETE stats` · `GET truth[?as_of=…][&part=metrics]` · `GET|PUT|DELETE faults` · `POST changes`

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Answer, Call, Faults, State};
use crate::truth::KpiQuestion;

/// `POST /_demo/changes`: what to change, how many, and at which instant (default: now).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    kind: ChangeKind,
    count: usize,
    #[serde(default = "Utc::now")]
    at: DateTime<Utc>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChangeKind {
    EditMergeRequests,
    PushMergeRequests,
    DeleteMergeRequests,
    DeleteIssues,
    DeletePipelines,
    DeleteDeployments,
    DeleteReleases,
    AddMergeRequests,
    AddPipelines,
    AddDeployments,
}

pub(super) fn answer(state: &State, path: &str, call: &Call) -> Answer {
    match (call.method.as_str(), path) {
        ("GET", "stats") => serialised(&state.counter.snapshot()),
        ("DELETE", "stats") => {
            state.counter.reset();
            serialised(&state.counter.snapshot())
        }
        ("GET", "truth") => truth(state, call),
        ("GET", "faults") => serialised(state.faults.lock().unwrap_or_else(std::sync::PoisonError::into_inner).faults()),
        ("PUT" | "POST", "faults") => match serde_json::from_slice::<Faults>(&call.body) {
            Ok(faults) => {
                state.set_faults(faults.clone());
                serialised(&faults)
            }
            Err(error) => Answer::message(400, &error.to_string()),
        },
        ("DELETE", "faults") => {
            state.set_faults(Faults::default());
            serialised(&Faults::default())
        }
        ("POST", "changes") => match serde_json::from_slice::<Change>(&call.body) {
            Ok(change) => serialised(&json!({ "external_ids": apply(state, &change) })),
            Err(error) => Answer::message(400, &error.to_string()),
        },
        _ => Answer::error(404, "404 Not Found"),
    }
}

fn truth(state: &State, call: &Call) -> Answer {
    let world = state.world();
    let as_of = match call.param("as_of").map(|text| text.parse::<DateTime<Utc>>()) {
        None => None,
        Some(Ok(as_of)) => Some(as_of),
        Some(Err(_)) => return Answer::message(400, "as_of is not an RFC 3339 time"),
    };
    if call.param("part") == Some("metrics") {
        return serialised(&world.company.kpi_truth(&KpiQuestion::at(as_of.unwrap_or(world.company.options().as_of))));
    }
    let truth = match as_of {
        None => serde_json::to_value(world.company.truth()),
        Some(as_of) => serde_json::to_value(world.company.truth_at(as_of)),
    };
    match (truth, call.param("part")) {
        (Ok(truth), None) => serialised(&truth),
        (Ok(truth), Some(part)) => truth.get(part).map_or_else(|| Answer::message(404, "the truth has no such part"), serialised),
        (Err(error), _) => Answer::message(500, &error.to_string()),
    }
}

fn apply(state: &State, change: &Change) -> Vec<String> {
    let Change { kind, count, at } = *change;
    state.edit(|company| match kind {
        ChangeKind::EditMergeRequests => company.edit_merge_requests(count, at),
        ChangeKind::PushMergeRequests => company.push_merge_requests(count, at),
        ChangeKind::DeleteMergeRequests => company.delete_merge_requests(count),
        ChangeKind::DeleteIssues => company.delete_issues(count),
        ChangeKind::DeletePipelines => company.delete_pipelines(count),
        ChangeKind::DeleteDeployments => company.delete_deployments(count),
        ChangeKind::DeleteReleases => company.delete_releases(count),
        ChangeKind::AddMergeRequests => company.add_merge_requests(count, at),
        ChangeKind::AddPipelines => company.add_pipelines(count, at),
        ChangeKind::AddDeployments => company.add_deployments(count, at),
    })
}

fn serialised<T: Serialize>(value: &T) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => Answer::json(Bytes::from(body)),
        Err(error) => Answer::message(500, &error.to_string()),
    }
}

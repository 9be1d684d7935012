//! Stored payloads, read again: what a pull would make of them now.
//!
//! Most rows say what they belong to. For those that do not, the caller's partition does: the project or scope of a list row, the item of
//! a detail row. A row of which nobody knows any more where it belongs becomes a dead letter; writing it without would be wrong.

use ovia_domain::{DeadLetter, Record};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::normalise::{self, Row, RowContext, RowError, dead_letter, normalise_rows, stored_size};
use super::streams::{self, GROUPS, MEMBERS, PROJECTS, ProjectList};
use super::wire::{Id, parse_row};

/// Where a row belongs, as far as it says so.
#[derive(Default, Deserialize)]
struct Home {
    #[serde(default)]
    project_id: Option<Id>,
    #[serde(default)]
    pipeline: Option<Pipeline>,
    /// Of a note.
    #[serde(default)]
    noteable_id: Option<Id>,
}

#[derive(Deserialize)]
struct Pipeline {
    #[serde(default)]
    project_id: Option<Id>,
}

/// See `Connector::normalise`.
pub fn normalise_stored(stream: &str, partition: &str, details: bool, payload: Box<RawValue>) -> Result<Vec<Record>, DeadLetter> {
    let home: Home = parse_row(payload.get()).unwrap_or_default();
    let own_project = home.project_id.or(home.pipeline.and_then(|pipeline| pipeline.project_id)).map(|id| id.0);
    // `7:abc`, the external id of a commit, begins with its merge request.
    let item = || partition.split(':').next().unwrap_or_default().to_owned();
    let context = RowContext { details, incremental: true, ..RowContext::default() };
    match stream {
        GROUPS => read(normalise::group, &context, payload),
        PROJECTS => read(normalise::project, &context, payload),
        MEMBERS if !partition.is_empty() => read(normalise::member, &RowContext { scope: partition, ..context }, payload),
        MEMBERS => Err(unread(&payload, &RowError::Missing("scope"))),
        streams::USER_DETAILS => read(normalise::user_detail, &context, payload),
        streams::PIPELINE_DETAILS => read(normalise::pipeline_detail, &context, payload),
        streams::PIPELINE_JOBS => of_project(normalise::job, &context, own_project, payload),
        streams::PIPELINE_BRIDGES => of_project(normalise::bridge, &context, own_project, payload),
        streams::MERGE_REQUEST_NOTES => of_merge_request(normalise::note, &context, home.noteable_id.map_or_else(item, |id| id.0), payload),
        streams::MERGE_REQUEST_APPROVALS => of_merge_request(normalise::approvals, &context, item(), payload),
        streams::MERGE_REQUEST_COMMITS => of_merge_request(normalise::commit, &context, item(), payload),
        streams::MERGE_REQUEST_DIFFS => match item() {
            id if id.is_empty() => Err(unread(&payload, &RowError::Missing("merge request"))),
            id => stored_size(&id, &payload).map_err(|error| unread(&payload, &error)),
        },
        stream => match ProjectList::find(stream) {
            Some(list) => {
                let project = if partition.is_empty() { own_project } else { Some(partition.to_owned()) };
                of_project(row_of(list.name), &context, project, payload)
            }
            None => Err(unread(&payload, &RowError::NoStream(stream.to_owned()))),
        },
    }
}

fn of_project(row: Row, context: &RowContext<'_>, project: Option<String>, payload: Box<RawValue>) -> Result<Vec<Record>, DeadLetter> {
    match project {
        Some(project) => read(row, &RowContext { project: &project, ..*context }, payload),
        None => Err(unread(&payload, &RowError::Missing("project"))),
    }
}

fn of_merge_request(row: Row, context: &RowContext<'_>, id: String, payload: Box<RawValue>) -> Result<Vec<Record>, DeadLetter> {
    if id.is_empty() {
        return Err(unread(&payload, &RowError::Missing("merge request")));
    }
    read(row, &RowContext { merge_request: &id, ..*context }, payload)
}

fn read(row: Row, context: &RowContext<'_>, payload: Box<RawValue>) -> Result<Vec<Record>, DeadLetter> {
    let rows = normalise_rows(vec![payload], context, row);
    rows.dead_letters.into_iter().next().map_or(Ok(rows.records), Err)
}

fn unread(payload: &RawValue, error: &RowError) -> DeadLetter {
    dead_letter(payload.get(), error)
}

/// How rows of a list stream are read.
pub fn row_of(stream: &str) -> Row {
    match stream {
        GROUPS => normalise::group,
        MEMBERS => normalise::member,
        "issues" => normalise::issue,
        "merge_requests" => normalise::merge_request,
        "pipelines" => normalise::pipeline,
        "jobs" => normalise::job,
        "environments" => normalise::environment,
        "deployments" => normalise::deployment,
        "releases" => normalise::release,
        _ => normalise::project,
    }
}

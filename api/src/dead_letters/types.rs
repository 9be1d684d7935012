//! Dead letters on the wire.

use ovia_store::dead_letters::{DeadLetterCount, DeadLetterRow, LetterStatus};
use poem_openapi::Object;
use serde::Deserialize;
use uuid::Uuid;

use crate::{names::Name, runs::RunOut, time::Time};

/// A record that could not be read or stored.
#[derive(Object)]
#[oai(rename = "DeadLetter")]
pub(crate) struct DeadLetterOut {
    id: i64,
    connection_id: Uuid,
    connection_name: Option<String>,
    /// The run that met it last.
    run_id: Uuid,
    stream: String,
    /// Which of the stream's lists it came from, where that is known.
    partition: Option<String>,
    /// The item's id in the source, where it could be read.
    external_id: Option<String>,
    reason: String,
    /// Times the source sent it, and times it was read again in vain.
    attempts: i32,
    status: Name<LetterStatus>,
    created_at: Time,
    /// When the source sent it last.
    last_seen_at: Time,
    resolved_at: Option<Time>,
    /// `run:<id>` of the replay, or who dropped it.
    resolved_by: Option<String>,
    /// What became of it, or why it was dropped.
    resolution: Option<String>,
    /// What the source sent, cut to 64 KiB. Null in lists.
    payload: Option<String>,
}

/// Open letters of one connection and stream with one reason.
#[derive(Object)]
#[oai(rename = "DeadLetterCount")]
pub(crate) struct DeadLetterCountOut {
    connection_id: Uuid,
    connection_name: Option<String>,
    stream: String,
    reason: String,
    letters: i64,
    first_seen_at: Time,
    last_seen_at: Time,
}

/// Open letters to read again: `ids`, or a `reason`, or `all`.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "DeadLetterReplay")]
pub(super) struct ReplayIn {
    /// At most 1000.
    #[serde(default)]
    ids: Option<Vec<i64>>,
    /// Only of this connection.
    #[serde(default)]
    connection_id: Option<Uuid>,
    /// Only of this stream.
    #[serde(default)]
    stream: Option<String>,
    /// The reason as it stands, or its beginning followed by `*`.
    #[serde(default)]
    reason: Option<String>,
    /// Whatever the reason.
    #[serde(default)]
    all: Option<bool>,
}

/// Open letters to drop: `ids`, or a `reason`, or `all`.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "DeadLetterDrop")]
pub(super) struct DropIn {
    /// A sentence; it is kept with the letters.
    pub why: String,
    /// At most 1000.
    #[serde(default)]
    ids: Option<Vec<i64>>,
    /// Only of this connection.
    #[serde(default)]
    connection_id: Option<Uuid>,
    /// Only of this stream.
    #[serde(default)]
    stream: Option<String>,
    /// The reason as it stands, or its beginning followed by `*`.
    #[serde(default)]
    reason: Option<String>,
    /// Whatever the reason.
    #[serde(default)]
    all: Option<bool>,
}

/// What both have in common.
pub(super) struct SelectionIn {
    pub ids: Option<Vec<i64>>,
    pub connection_id: Option<Uuid>,
    pub stream: Option<String>,
    pub reason: Option<String>,
    pub all: Option<bool>,
}

impl From<ReplayIn> for SelectionIn {
    fn from(body: ReplayIn) -> Self {
        Self { ids: body.ids, connection_id: body.connection_id, stream: body.stream, reason: body.reason, all: body.all }
    }
}

impl From<DropIn> for SelectionIn {
    fn from(body: DropIn) -> Self {
        Self { ids: body.ids, connection_id: body.connection_id, stream: body.stream, reason: body.reason, all: body.all }
    }
}

/// The runs that read the letters again, one for each connection.
#[derive(Object)]
#[oai(rename = "DeadLetterReplays")]
pub(crate) struct ReplaysOut {
    pub items: Vec<RunOut>,
    /// Connections whose letters cannot be read again now.
    pub refused: Vec<RefusedOut>,
}

/// A connection whose letters are left alone.
#[derive(Object)]
#[oai(rename = "DeadLetterReplayRefused")]
pub(crate) struct RefusedOut {
    pub connection_id: Uuid,
    /// Why, as a sentence.
    pub detail: String,
    pub hint: String,
    /// The run that is in the way, where there is one.
    pub run_id: Option<Uuid>,
}

/// What dropping came to.
#[derive(Object)]
#[oai(rename = "DeadLettersDropped")]
pub(super) struct DroppedOut {
    pub dropped: i64,
    /// There may be more: ask again.
    pub more: bool,
}

impl From<DeadLetterRow> for DeadLetterOut {
    fn from(row: DeadLetterRow) -> Self {
        let status = LetterStatus::ALL.into_iter().find(|status| status.as_str() == row.status);
        Self {
            id: row.id,
            connection_id: row.connection_id.0,
            connection_name: row.connection_name,
            run_id: row.run_id,
            stream: row.stream,
            partition: row.partition,
            external_id: row.external_id,
            reason: row.reason,
            attempts: row.attempts,
            // the table's check holds it to these names
            status: Name(status.unwrap_or(LetterStatus::Open)),
            created_at: row.created_at.into(),
            last_seen_at: row.last_seen_at.into(),
            resolved_at: row.resolved_at.map(Time),
            resolved_by: row.resolved_by,
            resolution: row.resolution,
            payload: row.payload,
        }
    }
}

impl From<DeadLetterCount> for DeadLetterCountOut {
    fn from(row: DeadLetterCount) -> Self {
        Self {
            connection_id: row.connection_id.0,
            connection_name: row.connection_name,
            stream: row.stream,
            reason: row.reason,
            letters: row.letters,
            first_seen_at: row.first_seen_at.into(),
            last_seen_at: row.last_seen_at.into(),
        }
    }
}

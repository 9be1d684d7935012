//! `GET /connections/{id}/streams`: what a connection's streams hold and how they are doing, over all runs.

use ovia_domain::ConnectionId;
use ovia_store::stream_reads::StreamStateRow;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::{auth::Caller, page::ListOf, problem::Problem, service::Tag, state::ApiState, time::Time};

/// One stream of a connection.
#[derive(Object)]
#[oai(rename = "StreamState")]
struct StreamStateOut {
    stream: String,
    /// `NOT_STARTED`, `RUNNING`, `PAUSED`, `DONE`, `ERROR`.
    backfill_status: String,
    /// `RUNNING`, `PAUSED` (with its connection), `ERROR` (its last sync failed in it).
    live_status: String,
    /// When a run last walked it to its end.
    last_success_at: Option<Time>,
    last_error_at: Option<Time>,
    last_error_code: Option<String>,
    last_error_message: Option<String>,
    /// Records written since the connection was made: new and changed ones.
    items_ingested_total: i64,
    /// Of these, in the last 24 hours, counted in whole hours.
    items_ingested_last_24h: i64,
    cursor: CursorOut,
    /// What identifies a record, as the source names it. Null until a worker has opened the connection.
    natural_key: Option<String>,
    /// Whether it can be backfilled window by window.
    windowed: Option<bool>,
    /// Whether deletions are found by comparing ids.
    census: Option<bool>,
    /// Requests for details still to be made; counted up to 100,000.
    details_queued: i64,
    /// Records that could not be read or stored and wait for somebody; counted up to 100,000.
    dead_letters_open: i64,
}

/// How far a stream has been read.
#[derive(Object)]
#[oai(rename = "StreamCursor")]
struct CursorOut {
    /// Parts of the stream (as, projects) that are read each with its own cursor.
    partitions: i64,
    /// What was updated before this time has been read in every partition; null where the source does not say.
    watermark: Option<Time>,
    updated_at: Option<Time>,
}

pub(crate) struct StreamsApi(pub ApiState);

#[OpenApi(tag = "Tag::Connections")]
impl StreamsApi {
    /// A connection's streams
    ///
    /// In the order in which they are synced; all in one page. Empty before the first run.
    #[oai(path = "/connections/:id/streams", method = "get", operation_id = "connection_streams")]
    async fn list(&self, caller: Caller, id: Path<Uuid>) -> Result<Json<ListOf<StreamStateOut>>, Problem> {
        let (store, org, id) = (&self.0.config.store, caller.org_id(), ConnectionId(id.0));
        store.connection_fetch(org, id).await?.ok_or_else(|| Problem::not_found("connection", id))?;
        let rows = store.streams_list(org, id).await?;
        Ok(Json(ListOf { items: rows.into_iter().map(StreamStateOut::from).collect(), next_cursor: None }))
    }
}

impl From<StreamStateRow> for StreamStateOut {
    fn from(row: StreamStateRow) -> Self {
        Self {
            stream: row.stream,
            backfill_status: row.backfill_status,
            live_status: row.live_status,
            last_success_at: row.last_success_at.map(Time),
            last_error_at: row.last_error_at.map(Time),
            last_error_code: row.last_error_code,
            last_error_message: row.last_error_message,
            items_ingested_total: row.items_ingested_total,
            items_ingested_last_24h: row.items_ingested_last_24h,
            cursor: CursorOut {
                partitions: row.partitions,
                watermark: row.watermark.map(Time),
                updated_at: row.cursor_updated_at.map(Time),
            },
            natural_key: row.natural_key,
            windowed: row.windowed,
            census: row.census,
            details_queued: row.details_queued,
            dead_letters_open: row.dead_letters_open,
        }
    }
}

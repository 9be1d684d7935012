//! Streams of a connection, as they stand: read from what runs leave behind, and what a connector says of its streams.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, StreamSpec};

use crate::{Store, StoreError};

/// Queued details and open dead letters of a stream are counted up to this.
pub const COUNT_MAX: i64 = 100_000;

/// One stream of a connection, over all its runs.
#[derive(Clone, Debug)]
pub struct StreamStateRow {
    pub stream: String,
    /// `NOT_STARTED`, `RUNNING`, `PAUSED`, `DONE`, `ERROR`.
    pub backfill_status: String,
    /// `RUNNING`, `PAUSED`, `ERROR`.
    pub live_status: String,
    pub last_success_at: Option<DateTime<Utc>>,
    pub last_error_at: Option<DateTime<Utc>>,
    pub last_error_code: Option<String>,
    pub last_error_message: Option<String>,
    pub items_ingested_total: i64,
    /// To the hour.
    pub items_ingested_last_24h: i64,
    pub natural_key: Option<String>,
    pub windowed: Option<bool>,
    pub census: Option<bool>,
    /// Partitions with a cursor.
    pub partitions: i64,
    /// The oldest of the partitions' watermarks: what was updated before has been read, in all of them.
    pub watermark: Option<DateTime<Utc>>,
    pub cursor_updated_at: Option<DateTime<Utc>>,
    /// At most `COUNT_MAX`.
    pub details_queued: i64,
    /// At most `COUNT_MAX`.
    pub dead_letters_open: i64,
}

impl Store {
    /// The streams of a connection in the connector's order; none before its first run, and none of a connection that does not exist.
    pub async fn streams_list(&self, org: OrgId, connection: ConnectionId) -> Result<Vec<StreamStateRow>, StoreError> {
        let rows = sqlx::query_file_as!(StreamStateRow, "src/stream_reads.sql", org.0, connection.0, COUNT_MAX);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Keeps what a connector says of its streams. Writes only what changed.
    pub async fn streams_describe(&self, org: OrgId, connection: ConnectionId, specs: &[StreamSpec]) -> Result<(), StoreError> {
        let names: Vec<String> = specs.iter().map(|spec| spec.name.to_owned()).collect();
        let keys: Vec<String> = specs.iter().map(|spec| spec.natural_key.to_owned()).collect();
        let windowed: Vec<bool> = specs.iter().map(|spec| spec.windowed).collect();
        let census: Vec<bool> = specs.iter().map(|spec| spec.census).collect();
        sqlx::query!(
            r#"insert into stream_states (org_id, connection_id, stream, position, natural_key, windowed, census)
               select $1, $2, s.name, s.position, s.natural_key, s.windowed, s.census
               from unnest($3::text[], $4::text[], $5::boolean[], $6::boolean[]) with ordinality
                   as s (name, natural_key, windowed, census, position)
               -- in one order, so that two runs that begin together cannot wait for each other
               order by s.name
               on conflict (connection_id, stream) do update
               set position = excluded.position, natural_key = excluded.natural_key, windowed = excluded.windowed, census = excluded.census
               where (stream_states.position, stream_states.natural_key, stream_states.windowed, stream_states.census)
                   is distinct from (excluded.position, excluded.natural_key, excluded.windowed, excluded.census)"#,
            org.0,
            connection.0,
            &names,
            &keys,
            &windowed,
            &census,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

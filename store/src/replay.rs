//! What a replay reads, and what it keeps of how far it got. `ingest::replay` writes.
//!
//! Two things are read again: open dead letters, and raw records. The run's `params` say which (`ReplayParams`), its `result` where it
//! stands (`ReplayResult`); both are one small JSON document, stored with every batch.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, RunId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Store, StoreError,
    dead_letters::{LetterSelection, ReasonFilter},
};

/// `params` of a replay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum ReplayParams {
    DeadLetters(LetterSelection),
    Raw {
        /// All, if not given.
        #[serde(default)]
        streams: Option<Vec<String>>,
        /// Without it, only what would change is found out.
        #[serde(default)]
        apply: bool,
    },
}

/// `result` of a replay.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplayResult {
    /// Where to go on: the stream, and the last key that was dealt with.
    pub cursor: Option<ReplayCursor>,
    pub letters: Option<LettersResult>,
    pub raw: Option<RawResult>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayCursor {
    pub stream: String,
    /// A letter's id, or a record's external id.
    pub after: String,
}

/// What became of dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LettersResult {
    /// Read and stored.
    pub replayed: i64,
    /// Requests for details: the next sync makes them again.
    pub queued: i64,
    /// Something newer is stored: closed without being written.
    pub superseded: i64,
    /// Still cannot be read or stored: open, with the new reason.
    pub failed: i64,
}

/// What reading raw records again changed, or would change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RawResult {
    pub applied: bool,
    pub streams: BTreeMap<String, RawStream>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RawStream {
    pub records: i64,
    /// Records that cannot be read, or stored, as the code is now. Applied, they become dead letters.
    pub unreadable: i64,
    /// Of some of them, why.
    pub reasons: Vec<String>,
    /// By the name of the table.
    pub tables: BTreeMap<String, TableDiff>,
}

/// Rows of one table that records of one stream write.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableDiff {
    pub added: i64,
    pub changed: i64,
    pub unchanged: i64,
    /// Some of the rows that were added or changed.
    pub samples: Vec<RowDiff>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowDiff {
    pub external_id: String,
    pub added: bool,
    /// Fields that differ. Of an added row, those that are not null.
    pub fields: BTreeMap<String, FieldDiff>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldDiff {
    pub before: Value,
    pub after: Value,
}

/// Open letters of one connection that a selection means.
#[derive(Clone, Debug, PartialEq)]
pub struct LettersOfConnection {
    pub connection_id: ConnectionId,
    pub letters: i64,
    pub max_id: i64,
}

/// A letter to be read again.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenLetter {
    pub id: i64,
    pub external_id: Option<String>,
    pub partition: Option<String>,
    pub payload: String,
    pub last_seen_at: DateTime<Utc>,
    /// A letter about the same item came later.
    pub superseded: bool,
}

/// A raw record to be read again.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRecord {
    pub external_id: String,
    pub partition: Option<String>,
    pub payload: String,
}

impl Store {
    /// What a replay is to do, and how far it got.
    pub async fn replay_state(&self, org: OrgId, run: RunId) -> Result<(ReplayParams, ReplayResult), StoreError> {
        let row = sqlx::query!("select params, result from runs where org_id = $1 and id = $2", org.0, run.0).fetch_one(&self.pool).await?;
        let result = row.result.map(serde_json::from_value).transpose()?;
        Ok((serde_json::from_value(row.params)?, result.unwrap_or_default()))
    }

    /// Whether the run's streams are known: they are found once, because what is replayed is no longer there to be found.
    pub async fn run_is_planned(&self, org: OrgId, run: RunId) -> Result<bool, StoreError> {
        let planned =
            sqlx::query_scalar!(r#"select started_at is not null as "planned!" from runs where org_id = $1 and id = $2"#, org.0, run.0);
        Ok(planned.fetch_one(&self.pool).await?)
    }

    /// Streams of the run that are not complete, in its order.
    pub async fn run_streams_pending(&self, org: OrgId, run: RunId) -> Result<Vec<String>, StoreError> {
        let streams = sqlx::query_scalar!(
            "select stream from run_streams where org_id = $1 and run_id = $2 and status in ('pending', 'running') order by position",
            org.0,
            run.0
        );
        Ok(streams.fetch_all(&self.pool).await?)
    }

    /// Connections (not the deleted ones) with open letters that `selection` means.
    pub async fn letters_by_connection(&self, org: OrgId, selection: &LetterSelection) -> Result<Vec<LettersOfConnection>, StoreError> {
        let (exact, prefix) = ReasonFilter::parts(selection.reason.as_ref());
        let rows = sqlx::query_as!(
            LettersOfConnection,
            r#"select d.connection_id, count(*) as "letters!", max(d.id) as "max_id!"
            from dead_letters d join connections c on c.id = d.connection_id and c.deleted_at is null
            where d.org_id = $1 and d.status = 'open' and ($2::bigint[] is null or d.id = any($2))
                and ($3::uuid is null or d.connection_id = $3) and ($4::text is null or d.stream = $4)
                and ($5::text is null or d.reason = $5) and ($6::text is null or starts_with(d.reason, $6))
            group by d.connection_id order by d.connection_id"#,
            org.0,
            selection.ids.as_deref(),
            selection.connection_id.map(|id| id.0),
            selection.stream,
            exact,
            prefix
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Streams of the connection that have open letters `selection` means.
    pub async fn letters_streams(
        &self,
        org: OrgId,
        connection: ConnectionId,
        selection: &LetterSelection,
    ) -> Result<Vec<String>, StoreError> {
        let (exact, prefix) = ReasonFilter::parts(selection.reason.as_ref());
        let rows = sqlx::query_scalar!(
            r#"select distinct stream from dead_letters
            where org_id = $1 and connection_id = $2 and status = 'open' and ($3::bigint[] is null or id = any($3))
                and ($4::text is null or stream = $4) and ($5::text is null or reason = $5)
                and ($6::text is null or starts_with(reason, $6)) and ($7::bigint is null or id <= $7)
            order by 1"#,
            org.0,
            connection.0,
            selection.ids.as_deref(),
            selection.stream,
            exact,
            prefix,
            selection.up_to_id
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// The next open letters of a stream that `selection` means, by rising ids.
    pub async fn letters_next(
        &self,
        org: OrgId,
        connection: ConnectionId,
        stream: &str,
        selection: &LetterSelection,
        after: i64,
        limit: i64,
    ) -> Result<Vec<OpenLetter>, StoreError> {
        let (exact, prefix) = ReasonFilter::parts(selection.reason.as_ref());
        let rows = sqlx::query_as!(
            OpenLetter,
            r#"select d.id, d.external_id, d.partition, d.payload, d.last_seen_at,
                (d.external_id is not null and exists (
                    select from dead_letters n
                    where n.connection_id = d.connection_id and n.stream = d.stream and n.external_id = d.external_id and n.id <> d.id
                        and n.status <> 'dropped' and (n.last_seen_at, n.id) > (d.last_seen_at, d.id)
                )) as "superseded!"
            from dead_letters d
            where d.org_id = $1 and d.connection_id = $2 and d.stream = $3 and d.status = 'open' and d.id > $4
                and ($5::bigint[] is null or d.id = any($5)) and ($6::text is null or d.reason = $6)
                and ($7::text is null or starts_with(d.reason, $7)) and ($8::bigint is null or d.id <= $8)
            order by d.id limit $9"#,
            org.0,
            connection.0,
            stream,
            after,
            selection.ids.as_deref(),
            exact,
            prefix,
            selection.up_to_id,
            limit
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Of `streams`, in their order, those that have live raw records.
    pub async fn raw_streams(&self, org: OrgId, connection: ConnectionId, streams: &[&str]) -> Result<Vec<String>, StoreError> {
        let names: Vec<String> = streams.iter().map(|&name| name.to_owned()).collect();
        let rows = sqlx::query_scalar!(
            r#"select s.name as "name!" from unnest($3::text[]) with ordinality as s (name, position)
            where exists (
                select from raw_records r where r.org_id = $1 and r.connection_id = $2 and r.stream = s.name and r.deleted_at is null
            ) order by s.position"#,
            org.0,
            connection.0,
            &names
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Live raw records of `streams` with these external ids, in the order of the streams.
    pub async fn raw_with_ids(
        &self,
        org: OrgId,
        connection: ConnectionId,
        streams: &[String],
        ids: &[String],
    ) -> Result<Vec<(String, StoredRecord)>, StoreError> {
        let rows = sqlx::query!(
            r#"select s.name as "stream!", r.external_id, r.partition, r.payload::text as "payload!"
            from unnest($3::text[]) with ordinality as s (name, position) cross join unnest($4::text[]) as k (id)
            cross join lateral (
                select external_id, partition, payload from raw_records
                where org_id = $1 and connection_id = $2 and stream = s.name and external_id = k.id and deleted_at is null limit 1
            ) r
            order by s.position, r.external_id"#,
            org.0,
            connection.0,
            streams,
            ids
        );
        let rows = rows.fetch_all(&self.pool).await?.into_iter();
        let stored = |external_id, partition, payload| StoredRecord { external_id, partition, payload };
        Ok(rows.map(|row| (row.stream, stored(row.external_id, row.partition, row.payload))).collect())
    }

    /// The next live raw records of a stream, by external id.
    pub async fn raw_next(
        &self,
        org: OrgId,
        connection: ConnectionId,
        stream: &str,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        let rows = sqlx::query_as!(
            StoredRecord,
            r#"select external_id, partition, payload::text as "payload!" from raw_records
            where org_id = $1 and connection_id = $2 and stream = $3 and deleted_at is null and ($4::text is null or external_id > $4)
            order by external_id limit $5"#,
            org.0,
            connection.0,
            stream,
            after,
            limit
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }
}

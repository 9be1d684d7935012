//! Raw records: what the source sent, with its hash. The hashes decide what is new; where the source says when an item changed, an older
//! state of it never replaces a newer one.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ovia_domain::{Record, RunCounts};
use sqlx::PgConnection;

use super::commit::{Origin, Scope};
use crate::StoreError;

/// What is stored of a record.
struct Known {
    hash: Vec<u8>,
    deleted: bool,
    source_updated_at: Option<DateTime<Utc>>,
}

impl Known {
    /// Whether the record says nothing that is not known: it is the same, or older.
    fn covers(&self, record: &Record) -> bool {
        let older = record.source_updated_at().zip(self.source_updated_at).is_some_and(|(theirs, ours)| theirs < ours);
        !self.deleted && (older || self.hash[..] == record.content_hash)
    }
}

/// Writes the records that are new, changed or back from the dead; answers those, and counts all.
pub(super) async fn raw_upsert<'a>(
    tx: &mut PgConnection,
    scope: Scope,
    origin: Origin<'_>,
    records: &'a [Record],
    counts: &mut RunCounts,
) -> Result<Vec<&'a Record>, StoreError> {
    let latest = latest_of_each(records);
    let ids: Vec<String> = latest.iter().map(|record| record.external_id.clone()).collect();
    let known: HashMap<String, Known> = sqlx::query!(
        // laterally, with a limit: without statistics, as in a first sync, `= any($4)` is planned as a walk over the whole stream
        r#"select r.external_id, r.content_hash, r.deleted_at is not null as "deleted!", r.source_updated_at
           from unnest($4::text[]) as k (id)
           cross join lateral (
               select external_id, content_hash, deleted_at, source_updated_at from raw_records
               where org_id = $1 and connection_id = $2 and stream = $3 and external_id = k.id limit 1
           ) r"#,
        scope.org.0,
        scope.connection.0,
        origin.stream,
        &ids,
    )
    .fetch_all(&mut *tx)
    .await?
    .into_iter()
    .map(|row| (row.external_id, Known { hash: row.content_hash, deleted: row.deleted, source_updated_at: row.source_updated_at }))
    .collect();
    let (mut inserted, mut updated) = (0, 0);
    let mut changed = Vec::new();
    for record in &latest {
        match known.get(&record.external_id) {
            Some(known) if known.covers(record) => continue,
            Some(_) => updated += 1,
            None => inserted += 1,
        }
        changed.push(*record);
    }
    counts.inserted += inserted;
    counts.updated += updated;
    counts.unchanged += records.len() as i64 - inserted - updated;
    if !changed.is_empty() {
        write(tx, scope, origin, &changed).await?;
    }
    Ok(changed)
}

/// A page can hold one record twice (a list that moved between pages); the later one is the newer.
fn latest_of_each(records: &[Record]) -> Vec<&Record> {
    let mut index: HashMap<&str, usize> = HashMap::with_capacity(records.len());
    let mut latest: Vec<&Record> = Vec::with_capacity(records.len());
    for record in records {
        if let Some(&at) = index.get(record.external_id.as_str()) {
            latest[at] = record;
        } else {
            index.insert(&record.external_id, latest.len());
            latest.push(record);
        }
    }
    latest
}

async fn write(tx: &mut PgConnection, scope: Scope, origin: Origin<'_>, records: &[&Record]) -> Result<(), StoreError> {
    let ids: Vec<&str> = records.iter().map(|record| record.external_id.as_str()).collect();
    let hashes: Vec<&[u8]> = records.iter().map(|record| &record.content_hash[..]).collect();
    let payloads: Vec<&str> = records.iter().map(|record| record.raw.get()).collect();
    let times: Vec<Option<DateTime<Utc>>> = records.iter().map(|record| record.source_updated_at()).collect();
    let written = sqlx::query!(
        r#"insert into raw_records (org_id, connection_id, stream, external_id, content_hash, payload, run_id, partition, source_updated_at)
           select $1, $2, $3, r.external_id, r.content_hash, r.payload::json, $4, $8, r.source_updated_at
           from unnest($5::text[], $6::bytea[], $7::text[], $9::timestamptz[]) as r (external_id, content_hash, payload, source_updated_at)
           on conflict (connection_id, stream, external_id) do update
           set content_hash = excluded.content_hash, payload = excluded.payload, run_id = excluded.run_id, updated_at = now(),
               deleted_at = null, deletion = null, partition = coalesce(excluded.partition, raw_records.partition),
               source_updated_at = excluded.source_updated_at
           where (raw_records.deleted_at is not null or (excluded.source_updated_at < raw_records.source_updated_at) is not true)
               and ($10::timestamptz is null or greatest(raw_records.updated_at, raw_records.deleted_at) <= $10)"#,
        scope.org.0,
        scope.connection.0,
        origin.stream,
        scope.run.0,
        &ids as &[&str],
        &hashes as &[&[u8]],
        &payloads as &[&str],
        origin.partition,
        &times as &[Option<DateTime<Utc>>],
        scope.read_at,
    )
    .execute(tx)
    .await?;
    // a page of the lease's holder may be overtaken by an item that was pulled alone; that one is not to be overtaken by anything
    if scope.read_at.is_some() && written.rows_affected() < records.len() as u64 {
        return Err(StoreError::Conflict("what was read has been written by another meanwhile".into()));
    }
    Ok(())
}

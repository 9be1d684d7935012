//! Raw records: what the source sent, with its hash. The hashes decide what is new.

use std::collections::HashMap;

use ovia_domain::{Record, RunCounts};
use sqlx::PgConnection;

use super::commit::{Origin, Scope};
use crate::StoreError;

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
    let known: HashMap<String, (Vec<u8>, bool)> = sqlx::query!(
        // laterally, with a limit: without statistics, as in a first sync, `= any($4)` is planned as a walk over the whole stream
        r#"select r.external_id, r.content_hash, r.deleted_at is not null as "deleted!"
           from unnest($4::text[]) as k (id)
           cross join lateral (
               select external_id, content_hash, deleted_at from raw_records
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
    .map(|row| (row.external_id, (row.content_hash, row.deleted)))
    .collect();
    let (mut inserted, mut updated) = (0, 0);
    let mut changed = Vec::new();
    for record in &latest {
        match known.get(&record.external_id) {
            Some((hash, false)) if hash[..] == record.content_hash => continue,
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
    sqlx::query!(
        r#"insert into raw_records (org_id, connection_id, stream, external_id, content_hash, payload, run_id, partition)
           select $1, $2, $3, r.external_id, r.content_hash, r.payload::json, $4, $8
           from unnest($5::text[], $6::bytea[], $7::text[]) as r (external_id, content_hash, payload)
           on conflict (connection_id, stream, external_id) do update
           set content_hash = excluded.content_hash, payload = excluded.payload, run_id = excluded.run_id, updated_at = now(),
               deleted_at = null, deletion = null, partition = coalesce(excluded.partition, raw_records.partition)"#,
        scope.org.0,
        scope.connection.0,
        origin.stream,
        scope.run.0,
        &ids as &[&str],
        &hashes as &[&[u8]],
        &payloads as &[&str],
        origin.partition,
    )
    .execute(tx)
    .await?;
    Ok(())
}

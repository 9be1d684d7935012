//! Censuses: the ids a source has, compared with the rows that are stored.
//!
//! A unit is what is compared at once: a partition of a stream whose partitions belong to records (a project's issues), or a whole stream
//! whose partitions are configured (all projects of all scopes, because one record can be in several). What is missing is only
//! known when every page of a unit was read, and rows stored since the run began are not judged.

mod sweep;

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, RunId};
use serde_json::{Value, json, value::RawValue};
use sqlx::PgConnection;

use crate::{Store, StoreError, leases, run_log};

pub use sweep::{Doomed, Tombstone, Vanished};

/// An attempt at a slice of a census.
#[derive(Clone, Copy, Debug)]
pub struct CensusAttempt {
    pub org: OrgId,
    pub connection: ConnectionId,
    pub run: RunId,
    /// From `lease_acquire`.
    pub fence: i64,
    /// When the run began: rows stored since are not judged.
    pub began: DateTime<Utc>,
}

/// A unit, or a partition of one. `partition` is `""` for a whole stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CensusUnit<'a> {
    pub stream: &'a str,
    pub partition: &'a str,
}

/// How far a partition has come.
#[derive(Clone, Debug, PartialEq)]
pub struct CensusState {
    pub partition: String,
    /// What the last page returned; `None` before the first.
    pub cursor: Option<Value>,
    pub enumerated: bool,
    pub compared: bool,
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Ids the source listed.
    pub listed: i64,
    /// Stored rows that were judged.
    pub stored: i64,
    /// Of those, not listed.
    pub missing: i64,
    /// Rows with a tombstone that were listed.
    pub returned: i64,
}

/// A stored row that was not listed and has not been asked for.
#[derive(Debug)]
pub struct Missing {
    pub external_id: String,
    /// The partition it was stored from.
    pub partition: Option<String>,
    pub payload: Box<RawValue>,
}

impl Store {
    /// When the run began, by the database's clock; forgets what ended censuses of the connection have left.
    pub async fn census_begin(&self, org: OrgId, connection: ConnectionId, run: RunId) -> Result<DateTime<Utc>, StoreError> {
        let mut txn = self.pool.begin().await?;
        for table in ["census_ids", "census_missing", "census_cursors"] {
            let sql = format!(
                "delete from {table} where org_id = $1 and run_id in (
                    select r.id from runs r join (select distinct run_id from census_cursors) c on c.run_id = r.id
                    where r.org_id = $1 and r.connection_id = $2 and r.id <> $3 and r.ended_at is not null)"
            );
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.0).bind(connection.0).bind(run.0).execute(&mut *txn).await?;
        }
        let began =
            sqlx::query_scalar!(r#"select coalesce(started_at, now()) as "began!" from runs where org_id = $1 and id = $2"#, org.0, run.0);
        let began = began.fetch_one(&mut *txn).await?;
        txn.commit().await?;
        Ok(began)
    }

    /// Of `partitions`, those with something left to do, in the order given.
    pub async fn census_pending(
        &self,
        org: OrgId,
        run: RunId,
        stream: &str,
        partitions: &[String],
    ) -> Result<Vec<CensusState>, StoreError> {
        let rows = sqlx::query_as!(
            CensusState,
            r#"select p.name as "partition!", c.cursor as "cursor?", coalesce(c.enumerated, false) as "enumerated!",
                      coalesce(c.compared, false) as "compared!"
               from unnest($4::text[]) with ordinality as p (name, position)
               left join census_cursors c on c.org_id = $1 and c.run_id = $2 and c.stream = $3 and c.partition = p.name
               where c.swept is not true
               order by p.position"#,
            org.0,
            run.0,
            stream,
            partitions,
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Stores a page of ids with its cursor.
    pub async fn census_page_commit(
        &self,
        attempt: &CensusAttempt,
        unit: CensusUnit<'_>,
        ids: &[String],
        cursor: &Value,
        done: bool,
        requests: i64,
    ) -> Result<(), StoreError> {
        let mut txn = self.begin_attempt(attempt).await?;
        sqlx::query!(
            r#"insert into census_ids (org_id, run_id, stream, partition, external_id)
               select $1, $2, $3, $4, id from unnest($5::text[]) as r (id) on conflict do nothing"#,
            attempt.org.0,
            attempt.run.0,
            unit.stream,
            unit.partition,
            ids,
        )
        .execute(&mut *txn)
        .await?;
        sqlx::query!(
            r#"insert into census_cursors (org_id, run_id, stream, partition, cursor, enumerated) values ($1, $2, $3, $4, $5, $6)
               on conflict (run_id, stream, partition) do update set cursor = excluded.cursor, enumerated = excluded.enumerated"#,
            attempt.org.0,
            attempt.run.0,
            unit.stream,
            unit.partition,
            cursor,
            done,
        )
        .execute(&mut *txn)
        .await?;
        count_in_txn(&mut txn, attempt, unit, Counted { listed: ids.len() as i64, requests, deleted: 0 }).await?;
        Ok(txn.commit().await?)
    }

    /// Compares a unit of which every page was read. `selected` are the configured partitions, of a whole stream: rows from others
    /// are no longer selected, whatever was listed. Rows with a tombstone that were listed make the next sync walk their lists from
    /// the beginning. Writes nothing down.
    pub async fn census_compare(
        &self,
        attempt: &CensusAttempt,
        unit: CensusUnit<'_>,
        selected: Option<&[String]>,
    ) -> Result<Compared, StoreError> {
        let row = sqlx::query!(
            r#"with listed as (
                   select external_id from census_ids
                   where org_id = $1 and run_id = $3 and stream = $4 and ($5 = '' or partition = $5)
               ), stored as (
                   select external_id, partition from raw_records
                   where org_id = $1 and connection_id = $2 and stream = $4 and ($5 = '' or partition = $5)
                     and deleted_at is null and greatest(first_seen_at, updated_at) < $6
               )
               select (select count(distinct external_id) from listed) as "listed!", (select count(*) from stored) as "stored!",
                      (select count(*) from stored s where not exists (select from listed l where l.external_id = s.external_id)
                          and (s.partition is null or $7::text[] is null or s.partition = any($7))) as "missing!",
                      (select count(*) from listed l join raw_records r on r.external_id = l.external_id
                          where r.org_id = $1 and r.connection_id = $2 and r.stream = $4 and r.deleted_at < $6) as "returned!""#,
            attempt.org.0,
            attempt.connection.0,
            attempt.run.0,
            unit.stream,
            unit.partition,
            attempt.began,
            selected,
        );
        let row = row.fetch_one(&self.pool).await?;
        Ok(Compared { listed: row.listed, stored: row.stored, missing: row.missing, returned: row.returned })
    }

    /// Writes down what `census_compare` found missing. Rows of partitions that are no longer selected need not be asked for.
    pub async fn census_missing_write(
        &self,
        attempt: &CensusAttempt,
        unit: CensusUnit<'_>,
        selected: Option<&[String]>,
    ) -> Result<(), StoreError> {
        let mut txn = self.begin_attempt(attempt).await?;
        sqlx::query!(
            r#"insert into census_missing (org_id, run_id, stream, partition, external_id, verdict)
               select $1, $3, $4, $5, r.external_id,
                      case when $7::text[] is not null and r.partition is not null and r.partition <> all($7) then 'not_visible' end
               from raw_records r
               where r.org_id = $1 and r.connection_id = $2 and r.stream = $4 and ($5 = '' or r.partition = $5)
                 and r.deleted_at is null and greatest(r.first_seen_at, r.updated_at) < $6
                 and not exists (
                     select from census_ids i
                     where i.run_id = $3 and i.stream = $4 and ($5 = '' or i.partition = $5) and i.external_id = r.external_id)
               on conflict do nothing"#,
            attempt.org.0,
            attempt.connection.0,
            attempt.run.0,
            unit.stream,
            unit.partition,
            attempt.began,
            selected,
        )
        .execute(&mut *txn)
        .await?;
        // a walk from the beginning finds what came back, with what it is now
        sqlx::query!(
            r#"delete from stream_cursors c
               where c.org_id = $1 and c.connection_id = $2 and c.stream = $4 and ($5 = '' or c.partition = $5) and exists (
                   select from census_ids i join raw_records r on r.external_id = i.external_id
                   where i.run_id = $3 and i.stream = $4 and ($5 = '' or i.partition = $5)
                     and r.org_id = $1 and r.connection_id = $2 and r.stream = $4 and r.deleted_at < $6)"#,
            attempt.org.0,
            attempt.connection.0,
            attempt.run.0,
            unit.stream,
            unit.partition,
            attempt.began,
        )
        .execute(&mut *txn)
        .await?;
        sqlx::query!(
            r#"insert into census_cursors (org_id, run_id, stream, partition, enumerated, compared) values ($1, $2, $3, $4, true, true)
               on conflict (run_id, stream, partition) do update set compared = true"#,
            attempt.org.0,
            attempt.run.0,
            unit.stream,
            unit.partition,
        )
        .execute(&mut *txn)
        .await?;
        Ok(txn.commit().await?)
    }

    /// Missing rows the source has not been asked about, at most `limit`.
    pub async fn census_missing_next(&self, attempt: &CensusAttempt, unit: CensusUnit<'_>, limit: i64) -> Result<Vec<Missing>, StoreError> {
        let rows = sqlx::query!(
            r#"select m.external_id, r.partition, r.payload::text as "payload!"
               from census_missing m join raw_records r on r.org_id = $1 and r.connection_id = $2 and r.stream = $4 and r.external_id = m.external_id
               where m.org_id = $1 and m.run_id = $3 and m.stream = $4 and m.partition = $5 and m.verdict is null
               order by m.external_id limit $6"#,
            attempt.org.0,
            attempt.connection.0,
            attempt.run.0,
            unit.stream,
            unit.partition,
            limit,
        );
        let rows = rows.fetch_all(&self.pool).await?;
        let missing = |row: MissingRow| -> Result<Missing, StoreError> {
            Ok(Missing { external_id: row.0, partition: row.1, payload: RawValue::from_string(row.2)? })
        };
        rows.into_iter().map(|row| missing((row.external_id, row.partition, row.payload))).collect()
    }

    /// Stores what the source said about missing rows.
    pub async fn census_verdicts(
        &self,
        attempt: &CensusAttempt,
        unit: CensusUnit<'_>,
        verdicts: &[(String, Option<Vanished>)],
    ) -> Result<(), StoreError> {
        let ids: Vec<&str> = verdicts.iter().map(|verdict| verdict.0.as_str()).collect();
        let said: Vec<&str> = verdicts.iter().map(|verdict| verdict.1.map_or("present", Vanished::as_str)).collect();
        let mut txn = self.begin_attempt(attempt).await?;
        sqlx::query!(
            r#"update census_missing m set verdict = v.said from unnest($5::text[], $6::text[]) as v (id, said)
               where m.org_id = $1 and m.run_id = $2 and m.stream = $3 and m.partition = $4 and m.external_id = v.id"#,
            attempt.org.0,
            attempt.run.0,
            unit.stream,
            unit.partition,
            &ids as &[&str],
            &said as &[&str],
        )
        .execute(&mut *txn)
        .await?;
        // one request each, as a rule
        count_in_txn(&mut txn, attempt, unit, Counted { listed: 0, requests: verdicts.len() as i64, deleted: 0 }).await?;
        Ok(txn.commit().await?)
    }

    /// Nothing is left to do in this unit; its ids are forgotten.
    pub async fn census_unit_done(&self, attempt: &CensusAttempt, unit: CensusUnit<'_>, note: Option<&str>) -> Result<(), StoreError> {
        let mut txn = self.begin_attempt(attempt).await?;
        for table in ["census_ids", "census_missing"] {
            let sql = format!("delete from {table} where org_id = $1 and run_id = $2 and stream = $3 and ($4 = '' or partition = $4)");
            let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(attempt.org.0).bind(attempt.run.0);
            query.bind(unit.stream).bind(unit.partition).execute(&mut *txn).await?;
        }
        sqlx::query!(
            r#"insert into census_cursors (org_id, run_id, stream, partition, swept) values ($1, $2, $3, $4, true)
               on conflict (run_id, stream, partition) do update set swept = true"#,
            attempt.org.0,
            attempt.run.0,
            unit.stream,
            unit.partition,
        )
        .execute(&mut *txn)
        .await?;
        if let Some(note) = note {
            let noted = sqlx::query!(
                "update run_streams set note = $4 where org_id = $1 and run_id = $2 and stream = $3",
                attempt.org.0,
                attempt.run.0,
                unit.stream,
                note
            );
            noted.execute(&mut *txn).await?;
        }
        Ok(txn.commit().await?)
    }

    /// A transaction in which nothing is written by an attempt that is no longer the one.
    async fn begin_attempt(&self, attempt: &CensusAttempt) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, StoreError> {
        let mut txn = self.pool.begin().await?;
        leases::lease_check_in_txn(&mut txn, attempt.org, attempt.connection, attempt.run, attempt.fence).await?;
        Ok(txn)
    }
}

type MissingRow = (String, Option<String>, String);

/// What a transaction adds to the run's counts.
struct Counted {
    listed: i64,
    requests: i64,
    deleted: i64,
}

async fn count_in_txn(tx: &mut PgConnection, attempt: &CensusAttempt, unit: CensusUnit<'_>, counted: Counted) -> Result<(), StoreError> {
    let totals = sqlx::query!(
        r#"update run_streams set fetched = fetched + $4, requests = requests + $5, deleted = deleted + $6
           where org_id = $1 and run_id = $2 and stream = $3
           returning fetched, deleted, requests"#,
        attempt.org.0,
        attempt.run.0,
        unit.stream,
        counted.listed,
        counted.requests,
        counted.deleted,
    );
    let Some(totals) = totals.fetch_optional(&mut *tx).await? else { return Ok(()) };
    let counts = |fetched: i64, deleted: i64, requests: i64| json!({"fetched": fetched, "inserted": 0, "updated": 0, "unchanged": 0, "deleted": deleted, "dead_lettered": 0, "requests": requests});
    let data = json!({
        "stream": unit.stream,
        "partition": unit.partition,
        "page": counts(counted.listed, counted.deleted, counted.requests),
        "totals": counts(totals.fetched, totals.deleted, totals.requests),
        "total_hint": null,
    });
    run_log::event_insert_in_txn(tx, attempt.org, attempt.run, "page_committed", data).await
}

//! Tombstones: what is gone at the source stays stored, and nothing reads it any more.
//!
//! A record takes with it what hangs below it: the domain rows that refer to it and the raw records of its details, so that neither a
//! KPI nor a replay brings them back. If the record returns, the next sync writes it and its details anew.

use serde_json::value::RawValue;
use sqlx::{AssertSqlSafe, PgConnection};

use super::{CensusAttempt, CensusUnit, Counted, count_in_txn};
use crate::{Store, StoreError};

/// What has become of a row that the source no longer lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vanished {
    Deleted,
    /// It may be there, but not for this token, or settings no longer name it.
    NotVisible,
}

impl Vanished {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::NotVisible => "not_visible",
        }
    }

    fn parse(text: &str) -> Self {
        if text == "deleted" { Self::Deleted } else { Self::NotVisible }
    }
}

/// A row to be tombstoned.
#[derive(Debug)]
pub struct Doomed {
    pub external_id: String,
    /// The partition it was stored from.
    pub partition: Option<String>,
    pub verdict: Vanished,
    pub payload: Box<RawValue>,
}

/// A row to be tombstoned, with what its payload says about it.
#[derive(Debug)]
pub struct Tombstone {
    pub external_id: String,
    pub verdict: Vanished,
    /// Its domain rows: table and external id.
    pub entities: Vec<(&'static str, String)>,
    /// Detail streams whose items of the same external id are about it.
    pub details: Vec<String>,
}

/// Which domain rows hang below which: table, the table above, and the condition on what names the row above, $3.
const BELOW: [(&str, &str, &str); 12] = [
    ("merge_request_notes", "merge_requests", "merge_request_external_id = $3"),
    ("merge_request_approvals", "merge_requests", "merge_request_external_id = $3"),
    ("merge_request_commits", "merge_requests", "merge_request_external_id = $3"),
    ("references_found", "merge_requests", "from_table = 'merge_requests' and from_external_id = $3"),
    ("jobs", "pipelines", "pipeline_external_id = $3"),
    ("work_item_changes", "work_items", "work_item_external_id = $3"),
    ("work_item_links", "work_items", "from_external_id = $3"),
    ("work_item_links", "work_items", "to_external_id = $3"),
    ("worklogs", "work_items", "work_item_external_id = $3"),
    ("document_versions", "documents", "document_external_id = $3"),
    ("document_comments", "documents", "document_external_id = $3"),
    ("references_found", "documents", "from_table = 'documents' and from_external_id = $3"),
];

impl Store {
    /// Rows of a unit that are known to be gone and are not tombstoned, at most `limit`.
    pub async fn census_doomed_next(&self, attempt: &CensusAttempt, unit: CensusUnit<'_>, limit: i64) -> Result<Vec<Doomed>, StoreError> {
        let rows = sqlx::query!(
            r#"select m.external_id, m.verdict as "verdict!", r.partition, r.payload::text as "payload!"
               from census_missing m join raw_records r on r.org_id = $1 and r.connection_id = $2 and r.stream = $4 and r.external_id = m.external_id
               where m.org_id = $1 and m.run_id = $3 and m.stream = $4 and m.partition = $5 and m.verdict in ('deleted', 'not_visible')
               order by m.external_id limit $6"#,
            attempt.org.0,
            attempt.connection.0,
            attempt.run.0,
            unit.stream,
            unit.partition,
            limit,
        );
        let rows = rows.fetch_all(&self.pool).await?;
        rows.into_iter().map(|row| doomed(row.external_id, row.partition, &row.verdict, row.payload)).collect()
    }

    /// Rows of `stream` in partitions whose record of `parent` has a tombstone, at most `limit`.
    pub async fn census_orphans_next(
        &self,
        attempt: &CensusAttempt,
        stream: &str,
        parent: &str,
        limit: i64,
    ) -> Result<Vec<Doomed>, StoreError> {
        let rows = sqlx::query!(
            r#"select c.external_id, c.partition, p.deletion as "verdict?", c.payload::text as "payload!"
               from raw_records p
               cross join lateral (
                   select external_id, partition, payload from raw_records
                   where org_id = $1 and connection_id = $2 and stream = $3 and partition = p.external_id
                     and deleted_at is null and greatest(first_seen_at, updated_at) < $5
                   limit $6
               ) c
               where p.org_id = $1 and p.connection_id = $2 and p.stream = $4 and p.deleted_at is not null
               limit $6"#,
            attempt.org.0,
            attempt.connection.0,
            stream,
            parent,
            attempt.began,
            limit,
        );
        let rows = rows.fetch_all(&self.pool).await?;
        rows.into_iter()
            .map(|row| doomed(row.external_id, row.partition, row.verdict.as_deref().unwrap_or_default(), row.payload))
            .collect()
    }

    /// Tombstones rows with what hangs below them, in one transaction. `children` are streams with a partition per record of this
    /// one: their walks begin anew if the record returns. Answers how many records have a tombstone now; those a sync has written since
    /// the census began have none.
    pub async fn census_sweep(
        &self,
        attempt: &CensusAttempt,
        unit: CensusUnit<'_>,
        tombstones: &[Tombstone],
        children: &[&str],
    ) -> Result<i64, StoreError> {
        let mut txn = self.begin_attempt(attempt).await?;
        let ids: Vec<&str> = tombstones.iter().map(|tombstone| tombstone.external_id.as_str()).collect();
        let verdicts: Vec<&str> = tombstones.iter().map(|tombstone| tombstone.verdict.as_str()).collect();
        let gone = sqlx::query_scalar!(
            r#"update raw_records r set deleted_at = now(), deletion = v.verdict
               from unnest($5::text[], $6::text[]) as v (id, verdict)
               where r.org_id = $1 and r.connection_id = $2 and r.stream = $3 and r.external_id = v.id and r.deleted_at is null
                 and greatest(r.first_seen_at, r.updated_at) < $4
               returning r.external_id"#,
            attempt.org.0,
            attempt.connection.0,
            unit.stream,
            attempt.began,
            &ids as &[&str],
            &verdicts as &[&str],
        );
        let gone = gone.fetch_all(&mut *txn).await?;
        for tombstone in tombstones.iter().filter(|tombstone| gone.contains(&tombstone.external_id)) {
            bury_in_txn(&mut txn, attempt, tombstone).await?;
        }
        let children: Vec<String> = children.iter().map(|&name| name.to_owned()).collect();
        sqlx::query!(
            "delete from stream_cursors where org_id = $1 and connection_id = $2 and stream = any($3) and partition = any($4)",
            attempt.org.0,
            attempt.connection.0,
            &children,
            &gone,
        )
        .execute(&mut *txn)
        .await?;
        sqlx::query!(
            r#"delete from census_missing
               where org_id = $1 and run_id = $2 and stream = $3 and partition = $4 and external_id = any($5)"#,
            attempt.org.0,
            attempt.run.0,
            unit.stream,
            unit.partition,
            &ids as &[&str],
        )
        .execute(&mut *txn)
        .await?;
        count_in_txn(&mut txn, attempt, unit, Counted { listed: 0, requests: 0, deleted: gone.len() as i64 }).await?;
        txn.commit().await?;
        Ok(gone.len() as i64)
    }
}

fn doomed(external_id: String, partition: Option<String>, verdict: &str, payload: String) -> Result<Doomed, StoreError> {
    Ok(Doomed { external_id, partition, verdict: Vanished::parse(verdict), payload: RawValue::from_string(payload)? })
}

/// The domain rows of one record, what hangs below them, and its details.
async fn bury_in_txn(tx: &mut PgConnection, attempt: &CensusAttempt, tombstone: &Tombstone) -> Result<(), StoreError> {
    // raw records of details have the item's external id, that of a row below it, or what stands before the last part of that one:
    // `{item}:{change}` of `{item}:{change}:{place}`
    let mut ids = vec![tombstone.external_id.clone()];
    for (table, external_id) in &tombstone.entities {
        rows_bury(tx, attempt, table, "external_id = $3", external_id).await?;
        for (below, _, condition) in BELOW.iter().filter(|(_, above, _)| above == table) {
            let buried = rows_bury(tx, attempt, below, condition, external_id).await?;
            ids.extend(buried.iter().filter_map(|id| id.rsplit_once(':')).map(|(whole, _)| whole.to_owned()));
            ids.extend(buried);
        }
    }
    sqlx::query!(
        r#"update raw_records set deleted_at = now(), deletion = $5
           where org_id = $1 and connection_id = $2 and stream = any($3) and external_id = any($4) and deleted_at is null"#,
        attempt.org.0,
        attempt.connection.0,
        &tombstone.details,
        &ids,
        tombstone.verdict.as_str(),
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "delete from detail_queue where org_id = $1 and connection_id = $2 and stream = any($3) and external_id = $4",
        attempt.org.0,
        attempt.connection.0,
        &tombstone.details,
        tombstone.external_id,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Tombstones the live rows of `table` for which `condition` holds with `value` as $3; answers their external ids.
async fn rows_bury(
    tx: &mut PgConnection,
    attempt: &CensusAttempt,
    table: &'static str,
    condition: &'static str,
    value: &str,
) -> Result<Vec<String>, StoreError> {
    let sql = format!(
        "update {table} set deleted_at = now(), changed_at = now()
         where org_id = $1 and connection_id = $2 and {condition} and deleted_at is null returning external_id"
    );
    let rows = sqlx::query_scalar(AssertSqlSafe(sql)).bind(attempt.org.0).bind(attempt.connection.0).bind(value);
    Ok(rows.fetch_all(tx).await?)
}

//! Raw records read again. Their hashes have not changed and nothing about them is written: only the domain rows that the code now makes
//! of them. Without `apply` the transaction's writes are taken back before it ends, and only the comparison stays.
//!
//! Several streams write the same row: an account is in a list of members and has details of its own. So what later streams say about a
//! batch's rows is written behind it, before the rows are compared: what one changes and another changes back is no difference.

use ovia_domain::{ConnectionId, DeadLetter, DetailRequest, OrgId, Record, RunCounts, RunId, Source};
use sqlx::PgConnection;

use super::{
    commit::{Scope, is_data_error, refused},
    entities,
    replay_books::{counts_add, result_set},
    row_diff::{Difference, rows_of},
};
use crate::{
    Store, StoreError, dead_letters, detail_queue, leases,
    replay::{ReplayCursor, ReplayResult},
};

/// Reasons kept of a stream's records that cannot be read.
const REASONS_MAX: usize = 5;

/// A batch of raw records of one stream that were read again.
#[derive(Debug)]
pub struct RawCommit<'a> {
    pub org_id: OrgId,
    pub connection_id: ConnectionId,
    pub source: Source,
    pub run_id: RunId,
    /// From `lease_acquire`.
    pub fence: i64,
    pub stream: &'a str,
    /// The last external id of the batch: the next one starts behind it.
    pub last_id: &'a str,
    pub records: &'a [Record],
    /// Of later streams, in their order: what they say about the same rows.
    pub followers: &'a [Record],
    /// Those that cannot be read.
    pub unreadable: Vec<DeadLetter>,
    pub apply: bool,
}

impl Store {
    /// Finds out what the records would change, changes it if that is asked for, and answers `result` moved on behind the batch. Fails as
    /// `page_commit` does.
    pub async fn raw_commit(&self, commit: RawCommit<'_>, result: &ReplayResult) -> Result<ReplayResult, StoreError> {
        let scope = Scope {
            org: commit.org_id,
            connection: commit.connection_id,
            source: commit.source,
            run: commit.run_id,
            background: false,
            read_at: None,
        };
        let mut tx = self.pool.begin().await?;
        let before = rows_of(&mut tx, scope, commit.records).await?;
        sqlx::query("savepoint replay_batch").execute(&mut *tx).await?;
        let stored = entities_store(&mut tx, scope, commit.records).await?;
        // one that Postgres refuses is told of when it is its stream's turn
        entities_store(&mut tx, scope, commit.followers).await?;
        let after = rows_of(&mut tx, scope, commit.records).await?;
        let difference = Difference::between(&before, &after);
        if !commit.apply || difference.is_empty() {
            sqlx::query("rollback to savepoint replay_batch").execute(&mut *tx).await?;
        }
        let mut letters = commit.unreadable;
        letters.extend(stored.refused);
        if commit.apply {
            dead_letters::dead_letters_insert_in_txn(&mut tx, &scope.into(), commit.stream, None, &letters).await?;
            detail_queue::detail_enqueue_in_txn(&mut tx, scope.org, scope.connection, false, &stored.discovered).await?;
        }
        leases::lease_check_in_txn(&mut tx, scope.org, scope.connection, scope.run, commit.fence).await?;
        let counts = counts_of(commit.records, &letters, &difference);
        counts_add(&mut tx, scope.org, scope.run, commit.stream, &counts).await?;
        let mut result = result.clone();
        let raw = result.raw.get_or_insert_default();
        raw.applied = commit.apply;
        let stream = raw.streams.entry(commit.stream.to_owned()).or_default();
        stream.records += counts.fetched;
        stream.unreadable += letters.len() as i64;
        let room = REASONS_MAX.saturating_sub(stream.reasons.len());
        stream.reasons.extend(letters.iter().take(room).map(reason_of));
        for (table, diff) in difference.tables {
            stream.tables.entry(table.to_owned()).or_default().add(diff);
        }
        result.cursor = Some(ReplayCursor { stream: commit.stream.to_owned(), after: commit.last_id.to_owned() });
        result_set(&mut tx, scope.org, scope.run, &result).await?;
        tx.commit().await?;
        Ok(result)
    }
}

struct EntitiesStored<'a> {
    refused: Vec<DeadLetter>,
    /// Accounts nobody knew before are asked about.
    discovered: Vec<&'a DetailRequest>,
}

/// Upserts the domain rows. Where Postgres refuses the data of a record, the set is halved until that one is found.
async fn entities_store<'a>(tx: &mut PgConnection, scope: Scope, records: &'a [Record]) -> Result<EntitiesStored<'a>, StoreError> {
    let mut stored = EntitiesStored { refused: Vec::new(), discovered: Vec::new() };
    let mut pending = vec![records];
    while let Some(set) = pending.pop() {
        if set.is_empty() {
            continue;
        }
        sqlx::query("savepoint replay_entities").execute(&mut *tx).await?;
        let all: Vec<&Record> = set.iter().collect();
        let upserted = entities::entities_upsert(tx, scope, &all).await;
        let end = if upserted.is_ok() { "release savepoint replay_entities" } else { "rollback to savepoint replay_entities" };
        sqlx::query(end).execute(&mut *tx).await?;
        match upserted {
            Ok(discovered) => stored.discovered.extend(discovered),
            Err(StoreError::Sql(error)) if is_data_error(&error) => match set {
                [record] => stored.refused.push(refused(record, &error)),
                _ => {
                    let (left, right) = set.split_at(set.len() / 2);
                    pending.push(right);
                    pending.push(left);
                }
            },
            Err(error) => return Err(error),
        }
    }
    Ok(stored)
}

/// A record counts as what became of its rows.
fn counts_of(records: &[Record], letters: &[DeadLetter], difference: &Difference) -> RunCounts {
    let refused: Vec<&str> = letters.iter().filter_map(|letter| letter.external_id.as_deref()).collect();
    let mut counts = RunCounts { dead_lettered: letters.len() as i64, ..RunCounts::default() };
    for record in records.iter().filter(|record| !refused.contains(&record.external_id.as_str())) {
        match difference.of_record(record) {
            (_, true) => counts.updated += 1,
            (true, false) => counts.inserted += 1,
            (false, false) => counts.unchanged += 1,
        }
    }
    counts.fetched = counts.inserted + counts.updated + counts.unchanged + counts.dead_lettered;
    counts
}

fn reason_of(letter: &DeadLetter) -> String {
    match &letter.external_id {
        Some(id) => format!("{id}: {}", letter.reason),
        None => letter.reason.clone(),
    }
}

//! Dead letters read again: their records are stored as a page's are, in one transaction with what became of each letter.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, DetailRequest, OrgId, Record, RunId, Source};
use sqlx::PgConnection;

use super::{
    commit::{OnDataError, PageCommit, page_store_in_txn},
    replay_books::{failed_add, result_set},
    stages::Stages,
};
use crate::{
    Store, StoreError,
    detail_queue::{self, FinishedDetails},
    replay::{ReplayCursor, ReplayResult},
};

/// A batch of open letters of one stream that were read again.
#[derive(Debug)]
pub struct LettersCommit<'a> {
    pub org_id: OrgId,
    pub connection_id: ConnectionId,
    pub source: Source,
    pub run_id: RunId,
    /// From `lease_acquire`.
    pub fence: i64,
    pub stream: &'a str,
    /// The highest id of the batch: the next one starts behind it.
    pub last_id: i64,
    pub letters: Vec<LetterRead>,
}

/// A letter, and what came of reading it again.
#[derive(Debug)]
pub struct LetterRead {
    pub id: i64,
    pub partition: Option<String>,
    pub last_seen_at: DateTime<Utc>,
    pub outcome: LetterOutcome,
}

#[derive(Debug)]
pub enum LetterOutcome {
    Records(Vec<Record>),
    /// The letter is about a request for details: it is to be made again.
    Request(DetailRequest),
    /// A newer letter is about the same item.
    Superseded,
    /// It cannot be read, for this reason.
    Unreadable(String),
}

impl Store {
    /// Stores what was read, closes those letters, and answers `result` moved on behind the batch. Letters that somebody dropped
    /// meanwhile are left alone; a record that is stored in a newer version is not written. Fails as `page_commit` does.
    pub async fn letters_commit(&self, commit: LettersCommit<'_>, result: &ReplayResult) -> Result<ReplayResult, StoreError> {
        let mut tx = self.pool.begin().await?;
        let still_open = letters_lock(&mut tx, &commit).await?;
        let newer = newer_records(&mut tx, &commit).await?;
        let mut sorted = Sorted::default();
        for letter in commit.letters.into_iter().filter(|letter| still_open.contains(&letter.id)) {
            sorted.take(letter, &newer);
        }
        let batch = Batch {
            org_id: commit.org_id,
            connection_id: commit.connection_id,
            source: commit.source,
            run_id: commit.run_id,
            fence: commit.fence,
            stream: commit.stream,
        };
        // closed before their records are stored: Postgres may refuse one of those, and that opens its letter again
        letters_close(&mut tx, &batch, &sorted).await?;
        letters_keep(&mut tx, &batch, &sorted.failed).await?;
        failed_add(&mut tx, batch.org_id, batch.run_id, batch.stream, sorted.failed.len() as i64).await?;
        let requests: Vec<&DetailRequest> = sorted.requests.iter().map(|(_, request)| request).collect();
        detail_queue::detail_enqueue_in_txn(&mut tx, batch.org_id, batch.connection_id, false, &requests).await?;
        let refused = records_store(&mut tx, &batch, &sorted.records).await?;
        let mut result = result.clone();
        let letters = result.letters.get_or_insert_default();
        letters.replayed += sorted.replayed.len() as i64 - refused;
        letters.queued += sorted.requests.len() as i64;
        letters.superseded += sorted.superseded.len() as i64;
        letters.failed += sorted.failed.len() as i64 + refused;
        result.cursor = Some(ReplayCursor { stream: batch.stream.to_owned(), after: commit.last_id.to_string() });
        result_set(&mut tx, batch.org_id, batch.run_id, &result).await?;
        tx.commit().await?;
        self.page_announce(commit.org_id, commit.run_id).await;
        Ok(result)
    }
}

/// What every statement of the commit is scoped by.
struct Batch<'a> {
    org_id: OrgId,
    connection_id: ConnectionId,
    source: Source,
    run_id: RunId,
    fence: i64,
    stream: &'a str,
}

impl Batch<'_> {
    fn page<'a>(&'a self, records: &'a [Record]) -> PageCommit<'a> {
        PageCommit {
            org_id: self.org_id,
            connection_id: self.connection_id,
            source: self.source,
            run_id: self.run_id,
            fence: self.fence,
            stream: self.stream,
            records,
            dead_letters: &[],
            cursor: None,
            finished: FinishedDetails::default(),
            requests: 0,
            total_hint: None,
            note: None,
            background: false,
        }
    }
}

/// Letters by what becomes of them.
#[derive(Default)]
struct Sorted {
    replayed: Vec<i64>,
    superseded: Vec<i64>,
    requests: Vec<(i64, DetailRequest)>,
    failed: Vec<(i64, String)>,
    /// By the partition of their letters.
    records: BTreeMap<Option<String>, Vec<Record>>,
}

impl Sorted {
    fn take(&mut self, letter: LetterRead, newer: &HashSet<(i64, String)>) {
        match letter.outcome {
            LetterOutcome::Superseded => self.superseded.push(letter.id),
            LetterOutcome::Unreadable(reason) => self.failed.push((letter.id, reason)),
            LetterOutcome::Request(request) => self.requests.push((letter.id, request)),
            LetterOutcome::Records(mut records) => {
                let read = records.len();
                records.retain(|record| !newer.contains(&(letter.id, record.external_id.clone())));
                if records.is_empty() && read > 0 {
                    self.superseded.push(letter.id);
                } else {
                    self.replayed.push(letter.id);
                    self.records.entry(letter.partition).or_default().extend(records);
                }
            }
        }
    }
}

/// Locks the letters of the batch that are still open, by rising ids, as dropping does.
async fn letters_lock(tx: &mut PgConnection, commit: &LettersCommit<'_>) -> Result<HashSet<i64>, StoreError> {
    let ids: Vec<i64> = commit.letters.iter().map(|letter| letter.id).collect();
    let open = sqlx::query_scalar!(
        "select id from dead_letters where org_id = $1 and connection_id = $2 and id = any($3) and status = 'open' order by id for update",
        commit.org_id.0,
        commit.connection_id.0,
        &ids
    );
    Ok(open.fetch_all(tx).await?.into_iter().collect())
}

/// Letters, with the ids of their records, that are older than what is stored (or known to be deleted) under these ids.
async fn newer_records(tx: &mut PgConnection, commit: &LettersCommit<'_>) -> Result<HashSet<(i64, String)>, StoreError> {
    let (mut letters, mut ids, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for letter in &commit.letters {
        let LetterOutcome::Records(records) = &letter.outcome else { continue };
        for record in records {
            letters.push(letter.id);
            ids.push(record.external_id.clone());
            seen.push(letter.last_seen_at);
        }
    }
    let rows = sqlx::query!(
        r#"select k.letter as "letter!", k.id as "id!" from unnest($4::bigint[], $5::text[], $6::timestamptz[]) as k (letter, id, seen)
           cross join lateral (
               select updated_at, deleted_at from raw_records
               where org_id = $1 and connection_id = $2 and stream = $3 and external_id = k.id limit 1
           ) r
           where greatest(r.updated_at, r.deleted_at) > k.seen"#,
        commit.org_id.0,
        commit.connection_id.0,
        commit.stream,
        &letters,
        &ids,
        &seen
    );
    Ok(rows.fetch_all(tx).await?.into_iter().map(|row| (row.letter, row.id)).collect())
}

async fn letters_close(tx: &mut PgConnection, batch: &Batch<'_>, sorted: &Sorted) -> Result<(), StoreError> {
    let queued = sorted.requests.iter().map(|(id, _)| *id);
    let groups: [(Vec<i64>, &str); 3] = [
        (sorted.replayed.clone(), "read and stored"),
        (sorted.superseded.clone(), "something newer is stored"),
        (queued.collect(), "the next sync asks again"),
    ];
    for (ids, resolution) in groups {
        sqlx::query!(
            r#"update dead_letters set status = 'replayed', resolved_at = now(), resolved_by = $4, resolution = $5
               where org_id = $1 and connection_id = $2 and id = any($3)"#,
            batch.org_id.0,
            batch.connection_id.0,
            &ids,
            format!("run:{}", batch.run_id),
            resolution
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// `last_seen_at` stays: it is when the source sent the payload.
async fn letters_keep(tx: &mut PgConnection, batch: &Batch<'_>, failed: &[(i64, String)]) -> Result<(), StoreError> {
    let (ids, reasons): (Vec<i64>, Vec<String>) = failed.iter().map(|(id, reason)| (*id, reason.replace('\0', ""))).unzip();
    sqlx::query!(
        r#"update dead_letters d set attempts = attempts + 1, reason = f.reason, run_id = $3
           from unnest($4::bigint[], $5::text[]) as f (id, reason)
           where d.org_id = $1 and d.connection_id = $2 and d.id = f.id"#,
        batch.org_id.0,
        batch.connection_id.0,
        batch.run_id.0,
        &ids,
        &reasons
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Stores the records as pages, one for each partition and one at least: a page checks the lease. Answers how many Postgres refused.
async fn records_store(
    tx: &mut PgConnection,
    batch: &Batch<'_>,
    records: &BTreeMap<Option<String>, Vec<Record>>,
) -> Result<i64, StoreError> {
    let nothing = BTreeMap::from([(None, Vec::new())]);
    let pages = if records.is_empty() { &nothing } else { records };
    let mut refused = 0;
    for (partition, records) in pages {
        let stages = Stages::default();
        let mut turn = stages.enter();
        refused += page_store_in_txn(tx, &batch.page(records), partition.as_deref(), OnDataError::Search, &mut turn).await?.dead_lettered;
        turn.leave();
    }
    Ok(refused)
}

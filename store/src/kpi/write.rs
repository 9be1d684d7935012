//! Storing snapshots: what differs is written, in bulk, with a note of every number that was another before.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use ovia_domain::{OrgId, RunId};
use sha2::{Digest, Sha256};
use sqlx::{Connection, FromRow, PgConnection};

use super::{
    changes::{CauseBook, Change, changes_copy},
    copy_connection::CopyConnection,
    copy_in::{Rows, copy_in},
    state::fence_check,
};
use crate::{Store, StoreError};

type Time = DateTime<Utc>;

/// A snapshot to store.
#[derive(Clone, Debug)]
pub struct NewSnapshot {
    pub metric: &'static str,
    pub definition_version: i32,
    pub scope_kind: &'static str,
    pub scope_id: String,
    pub window_kind: &'static str,
    pub window_start: Time,
    pub window_end: Time,
    pub value: Option<f64>,
    pub unit: &'static str,
    /// JSON objects, as text.
    pub stats: String,
    pub coverage: String,
    pub row_table: &'static str,
    pub row_count: i32,
    /// `None`: the rows are those of the scope's days within the window.
    pub row_ids: Option<Vec<i64>>,
    /// Parallel to `row_ids`.
    pub row_values: Option<Vec<f64>>,
    /// [`Self::hash`] of it: figures are hashed where they are computed, and compared where they are stored.
    pub content_hash: i64,
}

/// A window that was computed, for every scope and metric: what is stored of it and was not computed again is gone.
#[derive(Clone, Copy, Debug)]
pub struct ComputedWindow {
    pub kind: &'static str,
    pub start: Time,
}

/// What one slice of a rollup stores.
#[derive(Debug)]
pub struct SliceWrite<'a> {
    pub org: OrgId,
    pub run: RunId,
    pub fence: i64,
    /// What the slice is called within the run.
    pub slice: &'a str,
    /// What the attempt has read.
    pub watermark: Time,
    pub changed_people_id: i64,
    pub identity_epoch: i64,
    pub inputs_at: Option<Time>,
    pub windows: &'a [ComputedWindow],
    pub snapshots: &'a [NewSnapshot],
    pub causes: &'a CauseBook,
}

/// What storing came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SliceWritten {
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
    pub changes: u64,
}

impl SliceWritten {
    pub fn written(self) -> u64 {
        self.inserted + self.updated + self.deleted
    }
}

#[derive(Debug, FromRow)]
struct Stored {
    id: i64,
    metric: String,
    scope_kind: String,
    scope_id: String,
    window_kind: String,
    window_start: Time,
    window_end: Time,
    definition_version: i32,
    unit: String,
    value: Option<f64>,
    row_count: i32,
    content_hash: i64,
}

type Key<'a> = (&'a str, &'a str, &'a str, &'a str, Time);

impl Store {
    /// Stores a slice, all of it or nothing. `StoreError::Fenced` if another attempt began since.
    pub async fn kpi_slice_write(&self, write: &SliceWrite<'_>) -> Result<SliceWritten, StoreError> {
        let mut connection = CopyConnection::new(self.pool.acquire().await?);
        let mut tx = connection.begin().await?;
        fence_check(&mut tx, write.org, write.fence).await?;
        let stored = stored(&mut tx, write).await?;
        let mut plan = plan(write, &stored);
        untold(&mut tx, write, &mut plan.changes).await?;
        let mut written = SliceWritten { changes: plan.changes.len() as u64, ..SliceWritten::default() };
        written.deleted = delete(&mut tx, write.org, &plan.delete).await?;
        written.updated = replace(&mut tx, write, &plan.update).await?;
        written.inserted = insert(&mut tx, write, &plan.insert).await?;
        changes_copy(&mut tx, write.org, write.run, &plan.changes).await?;
        sqlx::query(
            "insert into kpi_rollup_slices (run_id, org_id, slice, windows, snapshots, written, changes, watermark, changed_people_id)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             on conflict (run_id, slice) do update
             set written = excluded.written, watermark = excluded.watermark, changed_people_id = excluded.changed_people_id, at = now()",
        )
        .bind(write.run.0)
        .bind(write.org.0)
        .bind(write.slice)
        .bind(i32::try_from(write.windows.len()).unwrap_or(i32::MAX))
        .bind(i64::try_from(write.snapshots.len()).unwrap_or(i64::MAX))
        .bind(i64::try_from(written.written()).unwrap_or(i64::MAX))
        .bind(i64::try_from(written.changes).unwrap_or(i64::MAX))
        .bind(write.watermark)
        .bind(write.changed_people_id)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        connection.give_back();
        Ok(written)
    }
}

async fn stored(tx: &mut PgConnection, write: &SliceWrite<'_>) -> Result<Vec<Stored>, StoreError> {
    let (kinds, starts): (Vec<&str>, Vec<Time>) = write.windows.iter().map(|window| (window.kind, window.start)).unzip();
    let sql = "select k.id, k.metric, k.scope_kind, k.scope_id, k.window_kind, k.window_start, k.window_end, k.definition_version, k.unit,
                      k.value, k.row_count, k.content_hash
               from unnest($2::text[], $3::timestamptz[]) w (kind, start)
               join kpi_snapshots k on k.org_id = $1 and k.window_kind = w.kind and k.window_start = w.start";
    Ok(sqlx::query_as(sql).bind(write.org.0).bind(kinds).bind(starts).fetch_all(tx).await?)
}

/// Takes away what would say that a figure changed of a scope that had none: a new team, project or person.
async fn untold(tx: &mut PgConnection, write: &SliceWrite<'_>, changes: &mut Vec<Change<'_>>) -> Result<(), StoreError> {
    let scopes: BTreeSet<(&str, &str)> = changes.iter().filter(|change| change.before == (None, 0)).map(|change| change.scope).collect();
    if scopes.is_empty() {
        return Ok(());
    }
    let (kinds, ids): (Vec<&str>, Vec<&str>) = scopes.into_iter().unzip();
    let sql = "select s.kind, s.id from unnest($2::text[], $3::text[]) s (kind, id)
        where not exists (
            select from kpi_snapshots k where k.org_id = $1 and k.scope_kind = s.kind and k.scope_id = s.id and k.run_id is distinct from $4)";
    let new: Vec<(String, String)> = sqlx::query_as(sql).bind(write.org.0).bind(kinds).bind(ids).bind(write.run.0).fetch_all(tx).await?;
    let new: HashSet<(&str, &str)> = new.iter().map(|(kind, id)| (kind.as_str(), id.as_str())).collect();
    changes.retain(|change| change.before != (None, 0) || !new.contains(&change.scope));
    Ok(())
}

#[derive(Default)]
struct Plan<'a> {
    insert: Vec<&'a NewSnapshot>,
    update: Vec<(i64, &'a NewSnapshot)>,
    delete: Vec<i64>,
    changes: Vec<Change<'a>>,
}

/// What has to be done to make `stored` what was computed.
fn plan<'a>(write: &'a SliceWrite<'_>, stored: &'a [Stored]) -> Plan<'a> {
    // of each figure the newest definition's
    let mut newest: HashMap<Key<'_>, &Stored> = HashMap::with_capacity(stored.len());
    for row in stored {
        let known = newest.entry((&row.metric, &row.scope_kind, &row.scope_id, &row.window_kind, row.window_start)).or_insert(row);
        if known.definition_version < row.definition_version {
            *known = row;
        }
    }
    // where nothing of the kind was told, nothing that was told has changed
    let told: HashSet<(&str, Time, &str)> =
        stored.iter().map(|row| (row.window_kind.as_str(), row.window_start, row.scope_kind.as_str())).collect();
    let mut plan = Plan::default();
    for new in write.snapshots {
        let key: Key<'_> = (new.metric, new.scope_kind, &new.scope_id, new.window_kind, new.window_start);
        let before = newest.remove(&key);
        match before {
            Some(row) if row.definition_version == new.definition_version && row.content_hash == new.content_hash => continue,
            Some(row) if row.definition_version == new.definition_version => plan.update.push((row.id, new)),
            // the former definition's figure stays beside it
            _ => plan.insert.push(new),
        }
        let (value, rows) = before.map_or((None, 0), |row| (row.value, row.row_count));
        let was_told = before.is_some() || told.contains(&(new.window_kind, new.window_start, new.scope_kind));
        if was_told && (before.is_none() || value != new.value) {
            plan.changes.extend(Change::of(write.causes, new, (value, rows)));
        }
    }
    // figures without data any more, with those of former definitions: nobody is to read them in its place
    let gone = |row: &&Stored| {
        newest.contains_key(&(
            row.metric.as_str(),
            row.scope_kind.as_str(),
            row.scope_id.as_str(),
            row.window_kind.as_str(),
            row.window_start,
        ))
    };
    plan.delete = stored.iter().filter(gone).map(|row| row.id).collect();
    for row in newest.into_values() {
        let gone = Change {
            metric: &row.metric,
            scope: (&row.scope_kind, &row.scope_id),
            window: (&row.window_kind, row.window_start, row.window_end),
            definition_version: row.definition_version,
            unit: &row.unit,
            before: (row.value, row.row_count),
            after: (None, 0),
            causes: write.causes.causes(
                &row.metric,
                (&row.scope_kind, &row.scope_id),
                (&row.window_kind, row.window_start, row.window_end),
            ),
        };
        // figures of people that are turned off are not told once more
        let turned_off = row.scope_kind == "person" && gone.causes.iter().any(|cause| cause["kind"] == "settings");
        if row.value.is_some() && !gone.causes.is_empty() && !turned_off {
            plan.changes.push(gone);
        }
    }
    plan
}

impl NewSnapshot {
    /// Of everything a reader is shown.
    pub fn hash(&self) -> i64 {
        let rows = self.row_ids.as_deref().unwrap_or_default().len();
        let mut all = Vec::with_capacity(512 + 16 * rows);
        all.extend_from_slice(&self.window_end.timestamp_micros().to_le_bytes());
        all.extend_from_slice(&self.value.map_or([0xff; 8], f64::to_le_bytes));
        all.extend_from_slice(self.unit.as_bytes());
        all.extend_from_slice(self.stats.as_bytes());
        all.extend_from_slice(self.coverage.as_bytes());
        all.extend_from_slice(self.row_table.as_bytes());
        all.extend_from_slice(&self.row_count.to_le_bytes());
        for id in self.row_ids.iter().flatten() {
            all.extend_from_slice(&id.to_le_bytes());
        }
        all.push(u8::from(self.row_ids.is_some()));
        for value in self.row_values.iter().flatten() {
            all.extend_from_slice(&value.to_le_bytes());
        }
        let digest = Sha256::digest(&all);
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest[..8]);
        i64::from_le_bytes(bytes)
    }
}

/// Takes the place of what is stored under these ids. Gone and come again with the same id: as a parameter, figures would be in memory
/// three times.
async fn replace(tx: &mut PgConnection, write: &SliceWrite<'_>, rows: &[(i64, &NewSnapshot)]) -> Result<u64, StoreError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
    delete(tx, write.org, &ids).await?;
    let columns: Vec<&str> = COLUMNS.into_iter().chain(["id"]).collect();
    copy_in(tx, "kpi_snapshots", &columns, rows, |row, (id, new)| {
        fields(row, write, new);
        row.i64(*id);
    })
    .await
}

async fn insert(tx: &mut PgConnection, write: &SliceWrite<'_>, rows: &[&NewSnapshot]) -> Result<u64, StoreError> {
    copy_in(tx, "kpi_snapshots", &COLUMNS, rows, |row, new| fields(row, write, new)).await
}

async fn delete(tx: &mut PgConnection, org: OrgId, ids: &[i64]) -> Result<u64, StoreError> {
    if ids.is_empty() {
        return Ok(0);
    }
    let sql = "delete from kpi_snapshots where org_id = $1 and id = any($2)";
    Ok(sqlx::query(sql).bind(org.0).bind(ids).execute(tx).await?.rows_affected())
}

/// In the order of [`fields`].
const COLUMNS: [&str; 20] = [
    "org_id",
    "run_id",
    "identity_epoch",
    "inputs_at",
    "metric",
    "definition_version",
    "scope_kind",
    "scope_id",
    "window_kind",
    "window_start",
    "window_end",
    "value",
    "unit",
    "stats",
    "coverage",
    "row_table",
    "row_count",
    "row_ids",
    "row_values",
    "content_hash",
];

fn fields(row: &mut Rows, write: &SliceWrite<'_>, new: &NewSnapshot) {
    row.uuid(write.org.0);
    row.uuid(write.run.0);
    row.i64(write.identity_epoch);
    row.maybe_time(write.inputs_at);
    row.text(new.metric);
    row.i32(new.definition_version);
    row.text(new.scope_kind);
    row.text(&new.scope_id);
    row.text(new.window_kind);
    row.time(new.window_start);
    row.time(new.window_end);
    row.maybe_f64(new.value);
    row.text(new.unit);
    row.jsonb(&new.stats);
    row.jsonb(&new.coverage);
    row.text(new.row_table);
    row.i32(new.row_count);
    row.maybe_i64s(new.row_ids.as_deref());
    row.maybe_f64s(new.row_values.as_deref());
    row.i64(new.content_hash);
}

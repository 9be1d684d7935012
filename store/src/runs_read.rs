//! Reading runs: lists, one run with its streams, open ingests, and runs that Temporal has not heard of yet.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, RunCounts, RunError, RunId, RunKind, RunStatus};
use serde::Deserialize;
use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError, leases::LEASE_TTL, page::CursorTime};

const LIST: &str = "runs";

/// One run with the progress of its streams.
#[derive(Clone, Debug)]
pub struct RunRow {
    pub id: RunId,
    pub org_id: OrgId,
    pub kind: String,
    pub status: String,
    pub connection_id: Option<Uuid>,
    pub connection_name: Option<String>,
    pub source: Option<String>,
    pub requested_by: String,
    pub params: Value,
    pub parent_run_id: Option<Uuid>,
    pub retry_of: Option<Uuid>,
    pub workflow_id: String,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub waiting_until: Option<DateTime<Utc>>,
    pub result: Option<Value>,
    pub error: Option<Json<RunError>>,
    /// `person`, `connection`, `kill_switch`.
    pub paused_by: Option<String>,
    /// What is wrong although it ended.
    pub warnings: Value,
    /// Its last event, or the last time a slice of it was known to be at work.
    pub last_activity_at: DateTime<Utc>,
    /// Since then, by Postgres' clock.
    pub silent_seconds: f64,
    /// The other run that holds the connection's lease now.
    pub lease_holder: Option<Uuid>,
    /// In the connector's order.
    pub streams: Json<Vec<RunStreamRow>>,
}

/// How far one stream of a run is. Counts are records, `requests` are HTTP requests.
#[derive(Clone, Debug, Deserialize)]
pub struct RunStreamRow {
    pub stream: String,
    /// `pending`, `running`, `done`, `not_available`.
    pub status: String,
    pub fetched: i64,
    pub inserted: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub deleted: i64,
    pub dead_lettered: i64,
    pub requests: i64,
    pub total_hint: Option<i64>,
    pub note: Option<String>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Rows of the stream that break a rule, once the run has checked them.
    #[serde(default)]
    pub flagged: i64,
    /// Records fetched per second over the last minute, while it is running.
    #[serde(default)]
    pub rows_per_second: Option<f64>,
}

impl RunRow {
    /// The sums over the streams.
    pub fn counts(&self) -> RunCounts {
        let mut sum = RunCounts::default();
        for stream in self.streams.iter() {
            sum.add(&stream.counts());
        }
        sum
    }

    /// Rows that break a rule, over all streams.
    pub fn flagged(&self) -> i64 {
        self.streams.iter().map(|stream| stream.flagged).sum()
    }
}

impl From<RunRow> for RunDispatch {
    fn from(row: RunRow) -> Self {
        Self {
            id: row.id,
            org_id: row.org_id,
            kind: row.kind,
            status: row.status,
            connection_id: row.connection_id,
            connection_name: row.connection_name,
            source: row.source,
            requested_by: row.requested_by,
            workflow_id: row.workflow_id,
            params: row.params,
        }
    }
}

impl RunStreamRow {
    pub fn counts(&self) -> RunCounts {
        RunCounts {
            fetched: self.fetched,
            inserted: self.inserted,
            updated: self.updated,
            unchanged: self.unchanged,
            deleted: self.deleted,
            dead_lettered: self.dead_lettered,
            requests: self.requests,
        }
    }

    /// 0 to 100; `None` while nobody knows the total. Only a finished stream is at 100.
    pub fn percent(&self) -> Option<i64> {
        match (self.status.as_str(), self.total_hint) {
            ("done" | "not_available", _) => Some(100),
            ("pending", _) => Some(0),
            (_, Some(total)) if total > 0 => Some((self.fetched.saturating_mul(100) / total).clamp(0, 99)),
            _ => None,
        }
    }

    /// Seconds until it is done at the pace of the last minute; `None` while nobody knows the total, or nothing moves.
    pub fn eta_seconds(&self) -> Option<i64> {
        let (rate, total) = (self.rows_per_second?, self.total_hint?);
        let left = total.saturating_sub(self.fetched);
        let seconds = (left as f64 / rate).ceil() as i64;
        (self.status == "running" && rate > 0.0 && left > 0).then_some(seconds)
    }
}

/// Which runs to list. Times are inclusive.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    pub kind: Option<RunKind>,
    pub status: Option<RunStatus>,
    pub connection_id: Option<ConnectionId>,
    /// Created at or after.
    pub since: Option<DateTime<Utc>>,
}

/// What it takes to start, or to cancel, a run's workflow.
#[derive(Clone, Debug)]
pub struct RunDispatch {
    pub id: RunId,
    pub org_id: OrgId,
    pub kind: String,
    pub status: String,
    pub connection_id: Option<Uuid>,
    pub connection_name: Option<String>,
    pub source: Option<String>,
    pub requested_by: String,
    pub workflow_id: String,
    pub params: Value,
}

impl RunDispatch {
    /// Temporal's priority, where one was asked for.
    pub fn priority(&self) -> Option<u32> {
        self.params.get("priority")?.as_u64()?.try_into().ok()
    }
}

impl Store {
    /// One run, or `None`.
    pub async fn run_fetch(&self, org_id: OrgId, id: RunId) -> Result<Option<RunRow>, StoreError> {
        let filter = RunFilter::default();
        Ok(self.runs_select(org_id, &filter, Some(id), None, 1).await?.pop())
    }

    /// Runs, newest first.
    pub async fn runs_list(&self, org_id: OrgId, filter: &RunFilter, page: &PageToken) -> Result<PageOf<RunRow>, StoreError> {
        let rows = self.runs_select(org_id, filter, None, page.key(LIST)?, page.fetch()).await?;
        page.page(LIST, rows, |row| (CursorTime(row.created_at), row.id))
    }

    async fn runs_select(
        &self,
        org_id: OrgId,
        filter: &RunFilter,
        id: Option<RunId>,
        after: Option<(CursorTime, RunId)>,
        limit: i64,
    ) -> Result<Vec<RunRow>, StoreError> {
        let rows = sqlx::query_file_as!(
            RunRow,
            "src/runs_select.sql",
            org_id.0,
            id.map(|id| id.0),
            filter.kind.map(RunKind::as_str),
            filter.status.map(RunStatus::as_str),
            filter.connection_id.map(|id| id.0),
            filter.since,
            after.map(|key| key.0.0),
            after.map(|key| key.1.0),
            limit,
            LEASE_TTL.as_secs_f64(),
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Where a run is now; `None` if there is no such run.
    pub async fn run_status(&self, org_id: OrgId, id: RunId) -> Result<Option<RunStatus>, StoreError> {
        let status = sqlx::query_scalar!("select status from runs where org_id = $1 and id = $2", org_id.0, id.0);
        Ok(status.fetch_optional(&self.pool).await?.and_then(|text| RunStatus::parse(&text)))
    }

    /// The sync or backfill of a connection that has not ended.
    pub async fn ingest_open(&self, org_id: OrgId, connection_id: ConnectionId) -> Result<Option<RunId>, StoreError> {
        Self::ingest_open_in_txn(&mut *self.pool.acquire().await?, org_id, connection_id).await
    }

    pub(crate) async fn ingest_open_in_txn(
        txn: &mut PgConnection,
        org_id: OrgId,
        connection_id: ConnectionId,
    ) -> Result<Option<RunId>, StoreError> {
        let id = sqlx::query_scalar!(
            "select id from runs where org_id = $1 and connection_id = $2 and kind in ('sync', 'backfill')
                and status in ('queued', 'running', 'waiting', 'paused', 'cancelling')",
            org_id.0,
            connection_id.0
        );
        Ok(id.fetch_optional(txn).await?.map(RunId))
    }

    /// Of all organisations: runs older than `older_than_seconds` that Temporal may not have heard of, oldest first. Those are
    /// runs still `queued` (the process died between insert and start) and runs asked to stop that have not stopped.
    pub async fn runs_undelivered(&self, older_than_seconds: f64) -> Result<Vec<RunDispatch>, StoreError> {
        let rows = sqlx::query_as!(
            RunDispatch,
            r#"select r.id, r.org_id, r.kind, r.status, r.connection_id, c.name as "connection_name?", r.source, r.requested_by, r.workflow_id, r.params
            from runs r left join connections c on c.id = r.connection_id
            where r.status in ('queued', 'cancelling') and r.created_at < now() - make_interval(secs => $1)
            order by r.created_at limit 100"#,
            older_than_seconds
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Of all organisations: how many runs are in which state, as `(kind, status, runs)`. For metrics.
    pub async fn runs_count_by_status(&self) -> Result<Vec<(String, String, i64)>, StoreError> {
        let rows = sqlx::query!(r#"select kind, status, count(*) as "count!" from runs group by kind, status order by kind, status"#);
        Ok(rows.fetch_all(&self.pool).await?.into_iter().map(|row| (row.kind, row.status, row.count)).collect())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    #[test]
    fn percent_never_says_done_before_the_end() {
        let at = |status: &str, fetched: i64, total: Option<i64>| {
            let zero = json!({"stream": "issues", "status": status, "fetched": fetched, "total_hint": total, "inserted": 0, "updated": 0,
                "unchanged": 0, "deleted": 0, "dead_lettered": 0, "requests": 0, "note": null, "started_at": null, "ended_at": null});
            serde_json::from_value::<RunStreamRow>(zero).unwrap().percent()
        };
        assert_eq!(at("pending", 0, None), Some(0));
        assert_eq!(at("running", 50, None), None);
        assert_eq!(at("running", 50, Some(0)), None);
        assert_eq!(at("running", 50, Some(200)), Some(25));
        assert_eq!(at("running", 300, Some(200)), Some(99));
        assert_eq!(at("done", 3, Some(200)), Some(100));
        assert_eq!(at("not_available", 0, None), Some(100));
    }

    #[test]
    fn an_estimate_needs_a_total_and_a_pace() {
        let eta = |fetched: i64, total: Option<i64>, rate: Option<f64>| {
            let row = json!({"stream": "issues", "status": "running", "fetched": fetched, "total_hint": total, "inserted": 0, "updated": 0,
                "unchanged": 0, "deleted": 0, "dead_lettered": 0, "requests": 0, "note": null, "started_at": null, "ended_at": null,
                "rows_per_second": rate});
            serde_json::from_value::<RunStreamRow>(row).unwrap().eta_seconds()
        };
        assert_eq!(eta(50, Some(200), Some(10.0)), Some(15));
        assert_eq!(eta(50, Some(200), Some(0.0)), None);
        assert_eq!(eta(50, Some(200), None), None);
        assert_eq!(eta(50, None, Some(10.0)), None);
        assert_eq!(eta(250, Some(200), Some(10.0)), None);
    }
}

//! Whether the data can be trusted: what the checks read, what they came to, now and before. The registry of checks and the grading are
//! `ovia_domain::quality`.

use chrono::{DateTime, Utc};
use ovia_domain::{
    ConnectionId, OrgId, RunId,
    quality::{QualityCheck, QualityStatus, StreamFact},
};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError};

const LIST: &str = "quality";

/// A row of `freshness.sql`.
struct Freshness {
    connection_id: Uuid,
    connection_name: String,
    source: String,
    stream: String,
    last_success_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    interval_seconds: Option<i64>,
    cron: Option<String>,
    time_zone: Option<String>,
}

/// How many of a connection's rows have something wrong with them.
#[derive(Clone, Debug)]
pub struct ShareRow {
    pub check_key: String,
    pub subject_table: String,
    pub connection_id: Uuid,
    pub connection_name: String,
    /// Rows that were looked at; never 0.
    pub total: i64,
    pub bad: i64,
    /// Up to ten of them.
    pub samples: Vec<i64>,
}

/// Rows of a table that were created in each of the last five weeks, the newest first.
#[derive(Clone, Debug)]
pub struct WeeksRow {
    pub connection_id: Uuid,
    pub connection_name: String,
    pub subject_table: String,
    pub weeks: Vec<i64>,
}

/// One result to store.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewQualityResult {
    /// A `QualityCheck`.
    pub check_key: &'static str,
    pub connection_id: Uuid,
    pub scope: String,
    pub subject_table: String,
    /// A `QualityStatus`.
    pub status: &'static str,
    pub value: f64,
    pub unit: &'static str,
    pub warn_beyond: f64,
    pub fail_beyond: f64,
    pub row_count: Option<i64>,
    pub sample_row_ids: Vec<i64>,
    pub detail: String,
}

/// One stored result. Columns are documented in the migration.
#[derive(Clone, Debug, PartialEq)]
pub struct QualityResultRow {
    pub id: i64,
    pub check_key: String,
    pub connection_id: Uuid,
    pub connection_name: String,
    pub scope: String,
    pub subject_table: String,
    pub status: String,
    pub value: f64,
    pub unit: String,
    pub warn_beyond: f64,
    pub fail_beyond: f64,
    pub row_count: Option<i64>,
    pub sample_row_ids: Vec<i64>,
    pub detail: String,
    /// Since when it has not passed; `None` where it passes.
    pub since: Option<DateTime<Utc>>,
    pub checked_at: DateTime<Utc>,
    pub run_id: Uuid,
}

/// Which results to list.
#[derive(Clone, Debug, Default)]
pub struct QualityFilter {
    /// Only those of the newest run.
    pub latest: bool,
    pub check: Option<QualityCheck>,
    pub status: Option<QualityStatus>,
    pub connection_id: Option<ConnectionId>,
    pub scope: Option<String>,
    /// Checked at or after.
    pub since: Option<DateTime<Utc>>,
}

impl Store {
    /// Every stream that was read, or should have been. Those the source does not offer are left out.
    pub async fn quality_freshness(&self, org: OrgId) -> Result<Vec<StreamFact>, StoreError> {
        let rows = sqlx::query_file_as!(Freshness, "src/quality/freshness.sql", org.0).fetch_all(&self.pool).await?;
        let fact = |row: Freshness| StreamFact {
            connection: ConnectionId(row.connection_id),
            connection_name: row.connection_name,
            source: row.source,
            stream: Some(row.stream),
            last_success_at: row.last_success_at,
            created_at: row.created_at,
            interval_seconds: row.interval_seconds,
            cron: row.cron,
            time_zone: row.time_zone,
        };
        Ok(rows.into_iter().map(fact).collect())
    }

    /// Of the `days` before `as_of`: rows with missing or impossible fields, unmapped authors, unknown commits; by connection.
    /// `tiers` are those that count as production.
    pub async fn quality_shares(&self, org: OrgId, as_of: DateTime<Utc>, days: i32, tiers: &[String]) -> Result<Vec<ShareRow>, StoreError> {
        Ok(sqlx::query_file_as!(ShareRow, "src/quality/shares.sql", org.0, as_of, days, tiers).fetch_all(&self.pool).await?)
    }

    /// Rows created per week before `as_of`, by connection and table.
    pub async fn quality_weeks(&self, org: OrgId, as_of: DateTime<Utc>) -> Result<Vec<WeeksRow>, StoreError> {
        Ok(sqlx::query_file_as!(WeeksRow, "src/quality/weeks.sql", org.0, as_of).fetch_all(&self.pool).await?)
    }

    /// Stores the results of `run`, all of one time. A second time replaces those of the first.
    pub async fn quality_results_put(&self, org: OrgId, run: RunId, results: &[NewQualityResult]) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        // two attempts at once: one after the other
        let lock = format!("ovia/quality/{org}");
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", lock).fetch_one(&mut *tx).await?;
        sqlx::query!("delete from quality_results where org_id = $1 and run_id = $2", org.0, run.0).execute(&mut *tx).await?;
        // what was wrong in the run before has been so since then
        sqlx::query!(
            r#"insert into quality_results (
                   org_id, run_id, checked_at, check_key, connection_id, scope, subject_table, status, value, unit, warn_beyond, fail_beyond,
                   row_count, sample_row_ids, detail, since
               )
               select $1, $2, now(), r.check_key, r.connection_id, r.scope, r.subject_table, r.status, r.value, r.unit, r.warn_beyond,
                   r.fail_beyond, r.row_count, r.sample_row_ids, r.detail,
                   case when r.status <> 'pass' then coalesce(b.since, now()) end
               from jsonb_to_recordset($3::jsonb) as r (
                   check_key text, connection_id uuid, scope text, subject_table text, status text, value float8, unit text,
                   warn_beyond float8, fail_beyond float8, row_count bigint, sample_row_ids bigint[], detail text
               )
               left join lateral (
                   select n.run_id from quality_results n where n.org_id = $1 order by n.checked_at desc, n.id desc limit 1
               ) newest on true
               left join lateral (
                   select coalesce(p.since, p.checked_at) as since from quality_results p
                   where p.run_id = newest.run_id and p.check_key = r.check_key and p.connection_id = r.connection_id and p.scope = r.scope
                       and p.org_id = $1 and p.status <> 'pass'
               ) b on true"#,
            org.0,
            run.0,
            json!(results)
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Results, newest first.
    pub async fn quality_list(&self, org: OrgId, filter: &QualityFilter, page: &PageToken) -> Result<PageOf<QualityResultRow>, StoreError> {
        let rows = self.quality_select(org, filter, page.key(LIST)?, page.fetch()).await?;
        page.page(LIST, rows, |row| row.id)
    }

    async fn quality_select(
        &self,
        org: OrgId,
        filter: &QualityFilter,
        after: Option<i64>,
        limit: i64,
    ) -> Result<Vec<QualityResultRow>, StoreError> {
        let rows = sqlx::query_file_as!(
            QualityResultRow,
            "src/quality/select.sql",
            org.0,
            filter.latest,
            filter.check.map(QualityCheck::as_str),
            filter.status.map(QualityStatus::as_str),
            filter.connection_id.map(|id| id.0),
            filter.scope,
            filter.since,
            after,
            limit
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Of all organisations: how many results of their newest runs have each status, by check. For metrics.
    pub async fn quality_counts(&self) -> Result<Vec<(String, String, i64)>, StoreError> {
        let rows = sqlx::query!(
            r#"select q.check_key, q.status, count(*) as "count!"
               from organisations o
               cross join lateral (select n.run_id from quality_results n where n.org_id = o.id order by n.checked_at desc, n.id desc limit 1) newest
               join quality_results q on q.org_id = o.id and q.run_id = newest.run_id
               join connections c on c.id = q.connection_id and c.deleted_at is null
               group by q.check_key, q.status"#
        );
        Ok(rows.fetch_all(&self.pool).await?.into_iter().map(|row| (row.check_key, row.status, row.count)).collect())
    }
}

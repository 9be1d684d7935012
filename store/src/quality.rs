//! Whether the data can be trusted: what the checks read, what they came to, now and before. The registry of checks and the grading are
//! `ovia_domain::quality`.

use chrono::{DateTime, Utc};
use ovia_domain::{
    ConnectionId, OrgId, RunId,
    quality::{QualityCheck, QualityStatus},
};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError};

const LIST: &str = "quality";

/// When a stream was last read to its end, and how often it should be.
#[derive(Clone, Debug)]
pub struct StreamFreshness {
    pub connection_id: Uuid,
    pub connection_name: String,
    pub source: String,
    pub stream: String,
    /// `None`: never.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Of the connection.
    pub created_at: DateTime<Utc>,
    /// Of the connection's schedule of syncs, one of the two.
    pub interval_seconds: Option<i64>,
    pub cron: Option<String>,
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
    /// Of these tables.
    pub tables: Option<Vec<String>>,
}

/// Why a figure is to be read with care.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QualityNote {
    /// A `QualityCheck`.
    pub check: String,
    /// `warn` or `fail`.
    pub status: String,
    pub connection_id: Uuid,
    pub connection_name: String,
    /// The stream or table.
    pub scope: String,
    /// What was found, as a sentence.
    pub detail: String,
    pub checked_at: DateTime<Utc>,
}

impl Store {
    /// Every stream that was read, or should have been. Those the source does not offer are left out.
    pub async fn quality_freshness(&self, org: OrgId) -> Result<Vec<StreamFreshness>, StoreError> {
        Ok(sqlx::query_file_as!(StreamFreshness, "src/quality/freshness.sql", org.0).fetch_all(&self.pool).await?)
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
        sqlx::query!(
            r#"insert into quality_results (
                   org_id, run_id, checked_at, check_key, connection_id, scope, subject_table, status, value, unit, warn_beyond, fail_beyond,
                   row_count, sample_row_ids, detail
               )
               select $1, $2, now(), r.check_key, r.connection_id, r.scope, r.subject_table, r.status, r.value, r.unit, r.warn_beyond,
                   r.fail_beyond, r.row_count, r.sample_row_ids, r.detail
               from jsonb_to_recordset($3::jsonb) as r (
                   check_key text, connection_id uuid, scope text, subject_table text, status text, value float8, unit text,
                   warn_beyond float8, fail_beyond float8, row_count bigint, sample_row_ids bigint[], detail text
               )"#,
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

    /// What the newest checks have against a metric: a warning or failure of any table it reads, the worst first; none if all is well, or
    /// if no `quality` run has looked yet. `inputs` are the metric's (`MetricDefinition::inputs`, as `merge_requests.created_at`): what
    /// stands before the dot is the table. Every connection of the organisation counts; one query.
    pub async fn quality_for_metric(&self, org: OrgId, inputs: &[&str]) -> Result<Vec<QualityNote>, StoreError> {
        let mut tables: Vec<String> = inputs.iter().map(|input| input.split('.').next().unwrap_or(input).to_owned()).collect();
        tables.sort();
        tables.dedup();
        let filter = QualityFilter { latest: true, tables: Some(tables), ..QualityFilter::default() };
        let rows = self.quality_select(org, &filter, None, i64::from(u16::MAX)).await?;
        let mut notes: Vec<QualityNote> = rows
            .into_iter()
            .filter(|row| row.status != QualityStatus::Pass.as_str())
            .map(|row| QualityNote {
                check: row.check_key,
                status: row.status,
                connection_id: row.connection_id,
                connection_name: row.connection_name,
                scope: row.scope,
                detail: row.detail,
                checked_at: row.checked_at,
            })
            .collect();
        notes.sort_by(|a, b| (&a.status, &a.check, &a.connection_name, &a.scope).cmp(&(&b.status, &b.check, &b.connection_name, &b.scope)));
        Ok(notes)
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
            filter.tables.as_deref(),
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

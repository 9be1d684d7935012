//! From a number to its rows.

use chrono::{DateTime, Utc};
use ovia_domain::{MetricKey, OrgId, RowTable};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError, page::CursorTime};

type Time = DateTime<Utc>;

const ROWS_LIST: &str = "kpi_rows";

/// The snapshot whose rows are asked for.
#[derive(Clone, Debug, FromRow)]
pub struct SnapshotHead {
    pub id: i64,
    pub metric: String,
    pub definition_version: i32,
    pub scope_kind: String,
    pub scope_id: String,
    pub window_kind: String,
    pub window_start: Time,
    pub window_end: Time,
    pub value: Option<f64>,
    pub unit: String,
    pub row_table: String,
    pub row_count: i32,
    pub coverage: serde_json::Value,
}

/// A row that was counted, as the source knows it.
#[derive(Clone, Debug, FromRow)]
pub struct KpiSourceRow {
    pub row_id: i64,
    /// What it adds; `None` where rows have no figure of their own.
    pub row_value: Option<f64>,
    /// The start of the day (or of the window) in which it counts.
    pub counted_on: Time,
    pub connection_id: Option<Uuid>,
    pub source: Option<String>,
    pub external_id: Option<String>,
    /// The project's full path.
    pub project: Option<String>,
    /// `!12`, `WEB-7`, `#314`: as people call it.
    pub reference: Option<String>,
    pub title: Option<String>,
    pub url: Option<String>,
}

/// How a snapshot is asked for.
#[derive(Clone, Debug)]
pub struct SnapshotAsked {
    pub metric: MetricKey,
    pub scope_kind: &'static str,
    pub scope_id: String,
    pub window_kind: &'static str,
    pub window_start: Time,
}

impl Store {
    /// A snapshot by its id.
    pub async fn kpi_snapshot(&self, org: OrgId, id: i64) -> Result<Option<SnapshotHead>, StoreError> {
        let sql =
            "select id, metric, definition_version, scope_kind, scope_id, window_kind, window_start, window_end, value, unit, row_table,
            row_count, coverage from kpi_snapshots where org_id = $1 and id = $2";
        Ok(sqlx::query_as(sql).bind(org.0).bind(id).fetch_optional(&self.pool).await?)
    }

    /// A snapshot by what it is of; of several definitions the newest.
    pub async fn kpi_snapshot_of(&self, org: OrgId, asked: &SnapshotAsked) -> Result<Option<SnapshotHead>, StoreError> {
        let sql =
            "select id, metric, definition_version, scope_kind, scope_id, window_kind, window_start, window_end, value, unit, row_table,
            row_count, coverage from kpi_snapshots
            where org_id = $1 and scope_kind = $2 and scope_id = $3 and window_kind = $4 and metric = $5 and window_start = $6
            order by definition_version desc limit 1";
        Ok(sqlx::query_as(sql)
            .bind(org.0)
            .bind(asked.scope_kind)
            .bind(&asked.scope_id)
            .bind(asked.window_kind)
            .bind(asked.metric.as_str())
            .bind(asked.window_start)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// The id and name of a scope that is asked for by id, full path or name; `None` where there is no such.
    pub async fn kpi_scope(&self, org: OrgId, kind: &str, asked: &str) -> Result<Option<String>, StoreError> {
        let sql = match kind {
            "project" => {
                "select p.connection_id || ':' || p.external_id from projects p
                 where p.org_id = $1 and (p.full_path = $2 or p.external_id = $2 or p.connection_id || ':' || p.external_id = $2)
                 order by p.deleted_at nulls first, p.id limit 1"
            }
            "team" => {
                "select id::text from teams where org_id = $1 and (id::text = $2 or lower(name) = lower($2))
                 order by archived_at nulls first, id limit 1"
            }
            _ => "select id::text from people where org_id = $1 and id::text = $2",
        };
        Ok(sqlx::query_scalar(sql).bind(org.0).bind(asked).fetch_optional(&self.pool).await?)
    }

    /// Exactly the rows that were counted, by the day they count on. The queries are generated from the registry (`ovia_kpi::rows_query`).
    pub async fn kpi_source_rows(&self, org: OrgId, head: &SnapshotHead, page: &PageToken) -> Result<PageOf<KpiSourceRow>, StoreError> {
        let key: Option<(CursorTime, i64)> = page.key(ROWS_LIST)?;
        let (day, id) = key.map(|key| (key.0.0, key.1)).unzip();
        let table = RowTable::parse(&head.row_table).ok_or_else(|| {
            StoreError::Unreadable(format!("a figure has rows of `{}`, which this version does not know", head.row_table))
        })?;
        let sql = match table {
            RowTable::MergeRequests => include_str!("rows_merge_requests.sql"),
            RowTable::Pipelines => include_str!("rows_pipelines.sql"),
            RowTable::Deployments => include_str!("rows_deployments.sql"),
            RowTable::WorkItems => include_str!("rows_work_items.sql"),
            RowTable::Versions => include_str!("rows_versions.sql"),
            RowTable::KpiSnapshots => include_str!("rows_kpi_snapshots.sql"),
        };
        let rows = sqlx::query_as(sql).bind(org.0).bind(head.id).bind(day).bind(id).bind(page.fetch());
        page.page(ROWS_LIST, rows.fetch_all(&self.pool).await?, |row: &KpiSourceRow| (CursorTime(row.counted_on), row.row_id))
    }
}

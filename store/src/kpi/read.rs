//! Reading KPI snapshots: the newest value of each metric, and metrics over time. Where there is no snapshot there is no data, and a row
//! says so.

use chrono::{DateTime, Utc};
use ovia_domain::{MetricKey, OrgId};
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError, page::CursorTime};

type Time = DateTime<Utc>;

const LATEST_LIST: &str = "kpi";
const HISTORY_LIST: &str = "kpi_history";

/// One number, with what produced it. Columns are documented in the migrations; what a snapshot says is `None` where there is none.
#[derive(Clone, Debug, FromRow)]
pub struct KpiRow {
    pub metric: String,
    /// The metric's place in what was asked for.
    pub position: i64,
    pub scope_kind: String,
    /// `''` for the organisation, `{connection_id}:{external id}` of a project, else an id.
    pub scope_id: String,
    /// A project's full path, a team's or person's name.
    pub scope_name: Option<String>,
    pub window_start: Time,
    pub window_end: Time,
    pub id: Option<i64>,
    pub definition_version: Option<i32>,
    /// `None` means no data.
    pub value: Option<f64>,
    pub stats: Option<Value>,
    pub coverage: Option<Value>,
    pub row_table: Option<String>,
    pub row_count: Option<i32>,
    pub identity_epoch: Option<i64>,
    pub inputs_at: Option<Time>,
    pub computed_at: Option<Time>,
    pub run_id: Option<Uuid>,
    /// Of the window before; `None` without one, and in what is not a history.
    pub previous: Option<f64>,
}

/// Which scopes to read.
#[derive(Clone, Debug)]
pub struct ScopeFilter {
    /// `organisation`, `team`, `project`, `person`.
    pub kind: &'static str,
    /// One of them: a scope id; of a project also its full path or external id, of a team its name.
    pub one: Option<String>,
}

/// A window, and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowAsked {
    pub start: Time,
    pub end: Time,
    pub previous_start: Option<Time>,
}

/// Which figures to read.
#[derive(Clone, Debug)]
pub struct KpiFilter {
    pub scope: ScopeFilter,
    /// `trailing_30_days`, `day`, `week`, `month`, `quarter`.
    pub window_kind: &'static str,
    /// In the order in which they are to be listed.
    pub metrics: Vec<MetricKey>,
    /// Figures of teams that had fewer people in the window are left out. `None`: of no team.
    pub min_members: Option<i64>,
}

impl KpiFilter {
    fn metrics(&self) -> Vec<&'static str> {
        self.metrics.iter().map(|metric| metric.as_str()).collect()
    }
}

impl Store {
    /// Each metric of each scope in one window, by scope and metric; a row also where there is no data. None where there is no window.
    pub async fn kpi_latest(
        &self,
        org: OrgId,
        filter: &KpiFilter,
        window: Option<WindowAsked>,
        page: &PageToken,
    ) -> Result<PageOf<KpiRow>, StoreError> {
        let key: Option<(String, i64)> = page.key(LATEST_LIST)?;
        let (scope, position) = key.unzip();
        let Some(window) = window else {
            return Ok(PageOf { items: Vec::new(), next_cursor: None });
        };
        let rows = sqlx::query_as(include_str!("latest.sql"))
            .bind(org.0)
            .bind(filter.scope.kind)
            .bind(&filter.scope.one)
            .bind(filter.window_kind)
            .bind(window.start)
            .bind(window.end)
            .bind(filter.metrics())
            .bind(scope)
            .bind(position)
            .bind(page.fetch())
            .bind(filter.min_members);
        page.page(LATEST_LIST, rows.fetch_all(&self.pool).await?, |row: &KpiRow| (row.scope_id.clone(), row.position))
    }

    /// Metrics over `windows`, newest first; of each window the newest definition, and a row also where there is no data.
    pub async fn kpi_history(
        &self,
        org: OrgId,
        filter: &KpiFilter,
        windows: &[WindowAsked],
        page: &PageToken,
    ) -> Result<PageOf<KpiRow>, StoreError> {
        let key: Option<(CursorTime, String, i64)> = page.key(HISTORY_LIST)?;
        let (start, scope, position) = key.map_or((None, None, None), |key| (Some(key.0.0), Some(key.1), Some(key.2)));
        let mut left: Vec<WindowAsked> = windows.iter().copied().filter(|window| start.is_none_or(|start| window.start <= start)).collect();
        left.sort_unstable_by_key(|window| window.start);
        // no more windows than the page takes: each has a row per scope and metric, but for small teams
        let of_window = self.kpi_scope_count(org, &filter.scope).await?.saturating_mul(filter.metrics.len()).max(1);
        let (mut rows, mut batch) = (Vec::<KpiRow>::new(), 1);
        while rows.len() < page.fetch_len() && !left.is_empty() {
            let wanted = page.fetch_len() - rows.len();
            let newest = left.split_off(left.len().saturating_sub(batch.max(wanted.div_ceil(of_window)) + 1));
            batch *= 2;
            let starts: Vec<Time> = newest.iter().map(|window| window.start).collect();
            let ends: Vec<Time> = newest.iter().map(|window| window.end).collect();
            let previous: Vec<Option<Time>> = newest.iter().map(|window| window.previous_start).collect();
            let more: Vec<KpiRow> = sqlx::query_as(include_str!("history.sql"))
                .bind(org.0)
                .bind(filter.scope.kind)
                .bind(&filter.scope.one)
                .bind(filter.window_kind)
                .bind(starts)
                .bind(ends)
                .bind(previous)
                .bind(filter.metrics())
                .bind(start)
                .bind(&scope)
                .bind(position)
                .bind(i64::try_from(wanted).unwrap_or(i64::MAX))
                .bind(filter.min_members)
                .fetch_all(&self.pool)
                .await?;
            rows.extend(more);
        }
        page.page(HISTORY_LIST, rows, |row: &KpiRow| (CursorTime(row.window_start), row.scope_id.clone(), row.position))
    }

    /// How many scopes there are of those asked for.
    pub async fn kpi_scope_count(&self, org: OrgId, scope: &ScopeFilter) -> Result<usize, StoreError> {
        let count: i64 =
            sqlx::query_scalar(include_str!("scope_count.sql")).bind(org.0).bind(scope.kind).bind(&scope.one).fetch_one(&self.pool).await?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// How many people a team (its id) had in a window, bots and people without an account aside.
    pub async fn kpi_team_members(&self, org: OrgId, team: &str, start: Time, end: Time) -> Result<i64, StoreError> {
        let Ok(team) = Uuid::parse_str(team) else { return Ok(0) };
        let sql = "select kpi_team_members($1, $2, $3, $4)";
        Ok(sqlx::query_scalar(sql).bind(org.0).bind(team).bind(start).bind(end).fetch_one(&self.pool).await?)
    }

    /// Windows of a kind that are stored, newest first, at most `limit`, which start within `[since, until)`.
    pub async fn kpi_windows(
        &self,
        org: OrgId,
        window_kind: &str,
        since: Option<Time>,
        until: Option<Time>,
        limit: i64,
    ) -> Result<Vec<(Time, Time)>, StoreError> {
        // one step in the index per window, not one per snapshot
        let sql = "with recursive w as (
                (select window_start, window_end from kpi_snapshots
                 where org_id = $1 and window_kind = $2 and ($4::timestamptz is null or window_start < $4)
                 order by window_start desc limit 1)
                union all
                select n.window_start, n.window_end from w cross join lateral (
                    select window_start, window_end from kpi_snapshots k
                    where k.org_id = $1 and k.window_kind = $2 and k.window_start < w.window_start order by k.window_start desc limit 1
                ) n
                where $3::timestamptz is null or n.window_start >= $3
            )
            select window_start, window_end from w where $3::timestamptz is null or window_start >= $3 limit $5";
        Ok(sqlx::query_as(sql).bind(org.0).bind(window_kind).bind(since).bind(until).bind(limit).fetch_all(&self.pool).await?)
    }
}

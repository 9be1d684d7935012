//! Reports: what they are made from, and the reports themselves. A report is written once per period, together with what is to be sent of
//! it (`outbox`).

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::{OrgId, RunId, report::ReportKind};
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError};

const LIST: &str = "reports";

/// A metric over time, oldest window first.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesRow {
    pub metric: String,
    /// `''` for the organisation.
    pub scope_id: String,
    /// The project's full path, of a project.
    pub project: Option<String>,
    pub unit: String,
    pub starts: Vec<DateTime<Utc>>,
    /// `None`: no data in that window.
    pub values: Vec<Option<f64>>,
    /// Of the newest window.
    pub end: DateTime<Utc>,
    pub row_count: i32,
    pub coverage: serde_json::Value,
}

/// A report to be stored.
#[derive(Clone, Debug)]
pub struct NewReport {
    pub kind: ReportKind,
    /// Half-open.
    pub period: (DateTime<Utc>, DateTime<Utc>),
    /// Whose midnights the period begins and ends at, an IANA name.
    pub time_zone: String,
    pub title: String,
    pub markdown: String,
    pub html: String,
}

/// A stored report without its text.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportRow {
    pub id: Uuid,
    pub kind: String,
    pub period_start: DateTime<Utc>,
    pub period_end: DateTime<Utc>,
    pub time_zone: String,
    pub title: String,
    pub created_at: DateTime<Utc>,
    pub run_id: Uuid,
    /// Deliveries by what became of them.
    pub pending: i64,
    pub delivered: i64,
    pub failed: i64,
}

/// The text of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportText {
    pub kind: String,
    pub period_start: DateTime<Utc>,
    pub time_zone: String,
    pub markdown: String,
    pub html: String,
}

impl Store {
    /// The last `points` windows of a kind (`week`, or one a day of `trailing_30_days`) that ended by `until`: of every metric, of the
    /// organisation and of its projects. What is older is not looked at, also where windows are missing.
    pub async fn report_series(
        &self,
        org: OrgId,
        window_kind: &str,
        until: DateTime<Utc>,
        points: i64,
    ) -> Result<Vec<SeriesRow>, StoreError> {
        let (length, step) = if window_kind == "week" { (7, 7) } else { (30, 1) };
        // a day more: windows begin at midnights of a time zone
        let since = until - TimeDelta::days(length + (points - 1) * step + 1);
        let rows = sqlx::query_file_as!(SeriesRow, "src/reports/series.sql", org.0, window_kind, until, points, since);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Risk items of the organisation that were opened (or came back) and resolved within a period.
    pub async fn report_risk_counts(&self, org: OrgId, period: (DateTime<Utc>, DateTime<Utc>)) -> Result<(i64, i64), StoreError> {
        let row = sqlx::query!(
            r#"select count(*) filter (where first_seen_at >= $2 and first_seen_at < $3 or reopened_at >= $2 and reopened_at < $3) as "opened!",
                      count(*) filter (where resolved_at >= $2 and resolved_at < $3) as "resolved!"
               from risk_items where org_id = $1"#,
            org.0,
            period.0,
            period.1
        );
        let row = row.fetch_one(&self.pool).await?;
        Ok((row.opened, row.resolved))
    }

    /// Whether there is a report of that kind for the period that begins at `start`.
    pub async fn report_exists(&self, org: OrgId, kind: ReportKind, start: DateTime<Utc>) -> Result<bool, StoreError> {
        let found = sqlx::query_scalar!(
            r#"select exists (select from reports where org_id = $1 and kind = $2 and period_start = $3) as "exists!""#,
            org.0,
            kind.as_str(),
            start
        );
        Ok(found.fetch_one(&self.pool).await?)
    }

    /// Stores a report and one pending delivery for each webhook and each recipient that gets its kind, in one transaction. `None` if the period has its
    /// report already: that one stays as it is, and nothing more is sent.
    pub async fn report_put(&self, org: OrgId, run: RunId, new: &NewReport) -> Result<Option<Uuid>, StoreError> {
        let mut tx = self.pool.begin().await?;
        let id = sqlx::query_scalar!(
            "insert into reports (id, org_id, kind, period_start, period_end, title, markdown, html, run_id, time_zone)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (org_id, kind, period_start) do nothing returning id",
            Uuid::now_v7(),
            org.0,
            new.kind.as_str(),
            new.period.0,
            new.period.1,
            new.title,
            new.markdown,
            new.html,
            run.0,
            new.time_zone
        )
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(report) = id {
            sqlx::query!(
                // whoever removes a destination waits, and then finds its rows
                "insert into outbox (id, org_id, report_id, destination_id, recipient)
                select gen_random_uuid(), $1, $2, d.id, n.recipient
                from (
                    select id, kind, recipients from report_destinations
                    where org_id = $1 and deleted_at is null and $3 = any(report_kinds)
                    for share
                ) d
                cross join lateral generate_series(1, case d.kind when 'email' then cardinality(d.recipients) else 1 end) as n (recipient)",
                org.0,
                report,
                new.kind.as_str()
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(id)
    }

    /// Reports, the newest period first.
    pub async fn reports_list(&self, org: OrgId, kind: Option<ReportKind>, page: &PageToken) -> Result<PageOf<ReportRow>, StoreError> {
        let key: Option<(crate::page::CursorTime, Uuid)> = page.key(LIST)?;
        let (start, after) = key.map(|(start, id)| (start.0, id)).unzip();
        let rows = self.reports_select(org, None, kind, start, after, page.fetch()).await?;
        page.page(LIST, rows, |row| (crate::page::CursorTime(row.period_start), row.id))
    }

    pub async fn report_fetch(&self, org: OrgId, id: Uuid) -> Result<Option<ReportRow>, StoreError> {
        Ok(self.reports_select(org, Some(id), None, None, None, 1).await?.pop())
    }

    async fn reports_select(
        &self,
        org: OrgId,
        id: Option<Uuid>,
        kind: Option<ReportKind>,
        start: Option<DateTime<Utc>>,
        after: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<ReportRow>, StoreError> {
        let rows = sqlx::query_as!(
            ReportRow,
            r#"select r.id, r.kind, r.period_start, r.period_end, r.time_zone, r.title, r.created_at, r.run_id, o.pending as "pending!",
                      o.delivered as "delivered!", o.failed as "failed!"
               from reports r
               cross join lateral (
                   select count(*) filter (where status = 'pending') as pending, count(*) filter (where status = 'delivered') as delivered,
                       count(*) filter (where status = 'failed') as failed
                   from outbox where report_id = r.id
               ) o
               where r.org_id = $1 and ($2::uuid is null or r.id = $2) and ($3::text is null or r.kind = $3)
                   and ($4::timestamptz is null or (r.period_start, r.id) < ($4, $5::uuid))
               order by r.period_start desc, r.id desc limit $6"#,
            org.0,
            id,
            kind.map(ReportKind::as_str),
            start,
            after,
            limit
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    pub async fn report_text(&self, org: OrgId, id: Uuid) -> Result<Option<ReportText>, StoreError> {
        let row = sqlx::query_as!(
            ReportText,
            "select kind, period_start, time_zone, markdown, html from reports where org_id = $1 and id = $2",
            org.0,
            id
        );
        Ok(row.fetch_optional(&self.pool).await?)
    }
}

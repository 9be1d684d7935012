//! What came of the rows of each day, kept from one rollup to the next. The bytes are the caller's.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use ovia_domain::OrgId;

use super::{copy_out::copy_out, facts::KpiReader, state::fence_check};
use crate::{Store, StoreError};

type Time = DateTime<Utc>;

impl Store {
    /// Stores one metric's rows of some days in the place of what was kept of them. `StoreError::Fenced` if another attempt began since.
    pub async fn kpi_day_rows_write(
        &self,
        (org, fence): (OrgId, i64),
        metric: &str,
        format: i16,
        days: &[(Time, Vec<u8>)],
    ) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        fence_check(&mut tx, org, fence).await?;
        let (starts, rows): (Vec<Time>, Vec<&[u8]>) = days.iter().map(|(day, rows)| (*day, rows.as_slice())).unzip();
        sqlx::query(
            "insert into kpi_day_rows (org_id, metric, day, format, rows)
             select $1, $2, d.day, $3, d.rows from unnest($4::timestamptz[], $5::bytea[]) d (day, rows)
             on conflict (org_id, metric, day) do update set format = excluded.format, rows = excluded.rows",
        )
        .bind(org.0)
        .bind(metric)
        .bind(format)
        .bind(starts)
        .bind(rows)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Forgets all days but those that begin at these moments; what is kept under the name `apart` has moments of its own. Before figures are
    /// written again: an attempt that dies in between leaves no old rows beside new figures.
    pub async fn kpi_day_rows_retain(
        &self,
        (org, fence): (OrgId, i64),
        days: &[Time],
        (apart, days_apart): (&str, &[Time]),
    ) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        fence_check(&mut tx, org, fence).await?;
        let sql = "delete from kpi_day_rows where org_id = $1 and (
            metric <> $3 and day not in (select unnest($2::timestamptz[])) or metric = $3 and day not in (select unnest($4::timestamptz[])))";
        sqlx::query(sql).bind(org.0).bind(days).bind(apart).bind(days_apart).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

impl KpiReader {
    /// The days of which rows are kept of all of these metrics.
    pub async fn kept_days(&mut self, format: i16, metrics: &[&str]) -> Result<BTreeSet<Time>, StoreError> {
        let org = self.org();
        let sql = "select day from kpi_day_rows where org_id = $1 and format = $2 and metric = any($3::text[])
            group by day having count(*) = cardinality($3::text[])";
        let days: Vec<Time> = sqlx::query_scalar(sql).bind(org.0).bind(format).bind(metrics).fetch_all(self.connection()).await?;
        Ok(days.into_iter().collect())
    }

    /// One metric's rows of the days that begin in `[from, until)`, ascending.
    pub async fn day_rows(
        &mut self,
        metric: &str,
        (from, until): (Time, Time),
        mut each: impl FnMut(Time, &[u8]),
    ) -> Result<(), StoreError> {
        let sql = "select day, rows from kpi_day_rows
            where org_id = :org: and metric = :metric: and day >= :from: and day < :until: order by day";
        let statement =
            self.scoped(sql).text("metric", metric).time("from", Some(from), "-infinity").time("until", Some(until), "infinity");
        copy_out(self.connection(), statement, |row| {
            let day = row.time()?;
            each(day, row.bytes()?);
            Ok(())
        })
        .await
    }
}

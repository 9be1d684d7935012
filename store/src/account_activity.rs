//! When and where accounts are at work: counts by hour of the day and projects, as evidence for matching.
//!
//! They are read from every row of a year, which takes long for a large organisation and changes little from day to day: so at most once
//! a day, and kept.

use chrono::{DateTime, Duration, Utc};
use ovia_domain::OrgId;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::{Store, StoreError};

/// How far back activity counts.
const LOOKED_AT: Duration = Duration::days(365);
const AT_MOST_EVERY: Duration = Duration::days(1);

/// What one account did in the last year, as it was read last.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct AccountActivityRow {
    pub identity_id: Uuid,
    /// Counts for each hour of the day, in UTC: 24 of them.
    pub hours: Vec<i32>,
    /// `<connection>/<project>`, ascending: at most ten of its own, and the trackers' projects that these name.
    pub projects: Vec<String>,
}

impl Store {
    /// Reads activity anew, unless it was within the last day or somebody else is at it. Whether it was read. Takes no lock that decisions wait for.
    pub async fn account_activity_refresh(&self, org: OrgId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let is_alone: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtextextended('account_activity:' || $1::text, 0))")
            .bind(org.0)
            .fetch_one(&mut *tx)
            .await?;
        if !is_alone {
            return Ok(false);
        }
        let read_at: Option<DateTime<Utc>> =
            sqlx::query_scalar("select read_at from account_activity_reads where org_id = $1").bind(org.0).fetch_optional(&mut *tx).await?;
        if read_at.is_some_and(|read_at| now - read_at < AT_MOST_EVERY) {
            return Ok(false);
        }
        sqlx::query(include_str!("account_activity/refresh.sql")).bind(org.0).bind(now - LOOKED_AT).execute(&mut *tx).await?;
        let sql = "insert into account_activity_reads (org_id, read_at) values ($1, $2) on conflict (org_id) do update set read_at = excluded.read_at";
        sqlx::query(sql).bind(org.0).bind(now).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Of live accounts, in the order of their ids.
pub(crate) async fn account_activity_in_txn(tx: &mut PgConnection, org: OrgId) -> Result<Vec<AccountActivityRow>, StoreError> {
    let rows = sqlx::query_as::<_, AccountActivityRow>(
        "select a.identity_id, a.hours, a.projects from account_activity a
        join identities i on i.id = a.identity_id and i.deleted_at is null
        where a.org_id = $1 order by a.identity_id",
    );
    Ok(rows.bind(org.0).fetch_all(tx).await?)
}

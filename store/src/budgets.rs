//! What sources and organisations allow: shared by all workers.
//!
//! A budget belongs to a credential on a host, not to an organisation: whoever uses the same token there shares its limit. Its key says
//! nothing about either (`Sealer::fingerprint`).

use std::time::Duration;

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId};
use sqlx::{PgConnection, postgres::PgListener};

use crate::{Store, StoreError};

/// The Postgres notification channel on which a source's "not before" is passed on; the payload is the budget's key.
pub const BUDGETS_CHANNEL: &str = "ovia_budgets";

/// What is known of a budget, or of one endpoint with a limit of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BudgetRow {
    /// `""` is the whole source.
    pub endpoint: String,
    /// Nothing may be sent before.
    pub not_before: Option<DateTime<Utc>>,
    /// Requests a window allows.
    pub limit: Option<i64>,
    /// Requests left in the window that ends at `reset_at`.
    pub remaining: Option<i64>,
    pub reset_at: Option<DateTime<Utc>>,
    /// When this was observed.
    pub updated_at: DateTime<Utc>,
}

/// A part of an organisation's ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrgRequests {
    /// The organisation has no ceiling.
    Unlimited,
    /// So many requests may be sent until the minute ends; 0 means none before that.
    Granted { requests: u32, minute_left: Duration },
}

/// How much of an organisation's ceiling is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrgCeiling {
    pub requests_per_minute: Option<i32>,
    pub requests_this_minute: i64,
}

impl Store {
    /// Everything known of a budget.
    pub async fn budget_read(&self, budget_key: &str) -> Result<Vec<BudgetRow>, StoreError> {
        let rows = sqlx::query_as!(
            BudgetRow,
            r#"select endpoint, not_before, request_limit as "limit", remaining, reset_at, updated_at from source_budgets
               where budget_key = $1 order by endpoint"#,
            budget_key
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Stores what was observed. `not_before` only ever moves later; of the rest the newest observation counts, whoever writes last.
    /// `announce` tells the other workers at once.
    pub async fn budget_write(&self, budget_key: &str, rows: &[BudgetRow], announce: bool) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        // in one order, so that two writers do not wait for each other
        let mut rows: Vec<&BudgetRow> = rows.iter().collect();
        rows.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
        let mut txn = self.pool.begin().await?;
        for row in rows {
            budget_write_in_txn(&mut txn, budget_key, row).await?;
        }
        if announce {
            sqlx::query!("select pg_notify($1, $2)", BUDGETS_CHANNEL, budget_key).execute(&mut *txn).await?;
        }
        Ok(txn.commit().await?)
    }

    /// Calls `heard` with the key of every budget that was told to stop, until the connection to Postgres ends.
    pub async fn budgets_listen(&self, heard: impl Fn(&str)) -> Result<(), StoreError> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(BUDGETS_CHANNEL).await?;
        loop {
            heard(listener.recv().await?.payload());
        }
    }

    /// Notes which budget a connection's requests count against, for people to look it up.
    pub async fn connection_budget_set(&self, org: OrgId, connection: ConnectionId, budget_key: &str) -> Result<(), StoreError> {
        sqlx::query!(
            "update connections set budget_key = $3 where org_id = $1 and id = $2 and budget_key is distinct from $3",
            org.0,
            connection.0,
            budget_key
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The budget of a connection; `None` if there is no such connection. Empty until a worker has sent something.
    pub async fn connection_budget(&self, org: OrgId, connection: ConnectionId) -> Result<Option<Vec<BudgetRow>>, StoreError> {
        let found =
            sqlx::query!("select budget_key from connections where org_id = $1 and id = $2 and deleted_at is null", org.0, connection.0);
        let Some(found) = found.fetch_optional(&self.pool).await? else { return Ok(None) };
        match found.budget_key {
            Some(key) => self.budget_read(&key).await.map(Some),
            None => Ok(Some(Vec::new())),
        }
    }

    /// Takes a few requests of the organisation's ceiling in this minute, of which at most `share` percent may be used.
    /// The database's clock says when a minute ends.
    pub async fn org_requests_take(&self, org: OrgId, share: u32) -> Result<OrgRequests, StoreError> {
        let mut txn = self.pool.begin().await?;
        let row = sqlx::query!(
            r#"select requests_per_minute, date_trunc('minute', now()) as "minute!",
                      extract(epoch from date_trunc('minute', now()) + interval '1 minute' - now())::float8 as "left!"
               from organisations where id = $1"#,
            org.0
        );
        let Some(row) = row.fetch_optional(&mut *txn).await? else { return Ok(OrgRequests::Unlimited) };
        let Some(ceiling) = row.requests_per_minute.map(i64::from) else { return Ok(OrgRequests::Unlimited) };
        let allowed = (ceiling * i64::from(share.min(100)) / 100).max(1);
        let chunk = (ceiling / 20).clamp(1, 100);
        let new = sqlx::query!(
            "insert into org_request_minutes (org_id, minute, requests) values ($1, $2, 0) on conflict do nothing",
            org.0,
            row.minute
        );
        if new.execute(&mut *txn).await?.rows_affected() > 0 {
            sqlx::query!("delete from org_request_minutes where org_id = $1 and minute < now() - interval '1 hour'", org.0)
                .execute(&mut *txn)
                .await?;
        }
        let granted = sqlx::query!(
            r#"with used as (select requests from org_request_minutes where org_id = $1 and minute = $2 for update),
                    granted as (select greatest(least($3, $4 - requests), 0) as requests from used)
               update org_request_minutes m set requests = used.requests + granted.requests from used, granted
               where m.org_id = $1 and m.minute = $2
               returning granted.requests as "requests!""#,
            org.0,
            row.minute,
            chunk,
            allowed,
        );
        let granted = granted.fetch_one(&mut *txn).await?.requests;
        txn.commit().await?;
        let minute_left = Duration::try_from_secs_f64(row.left).unwrap_or_default();
        Ok(OrgRequests::Granted { requests: u32::try_from(granted).unwrap_or_default(), minute_left })
    }

    /// The organisation's ceiling, and what is used of it in this minute.
    pub async fn org_ceiling(&self, org: OrgId) -> Result<OrgCeiling, StoreError> {
        let row = sqlx::query_as!(
            OrgCeiling,
            r#"select o.requests_per_minute, coalesce(m.requests, 0) as "requests_this_minute!"
               from organisations o left join org_request_minutes m on m.org_id = o.id and m.minute = date_trunc('minute', now())
               where o.id = $1"#,
            org.0
        );
        Ok(row.fetch_one(&self.pool).await?)
    }
}

async fn budget_write_in_txn(tx: &mut PgConnection, budget_key: &str, row: &BudgetRow) -> Result<(), StoreError> {
    sqlx::query!(
        r#"insert into source_budgets as b (budget_key, endpoint, not_before, request_limit, remaining, reset_at, updated_at)
           values ($1, $2, $3, $4, $5, $6, $7)
           on conflict (budget_key, endpoint) do update
           set not_before = greatest(b.not_before, excluded.not_before),
               request_limit = case when b.updated_at > excluded.updated_at then b.request_limit
                   else coalesce(excluded.request_limit, b.request_limit) end,
               remaining = case when b.updated_at > excluded.updated_at then b.remaining else coalesce(excluded.remaining, b.remaining) end,
               reset_at = case when b.updated_at > excluded.updated_at then b.reset_at else coalesce(excluded.reset_at, b.reset_at) end,
               updated_at = greatest(b.updated_at, excluded.updated_at)"#,
        budget_key,
        row.endpoint,
        row.not_before,
        row.limit,
        row.remaining,
        row.reset_at,
        row.updated_at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

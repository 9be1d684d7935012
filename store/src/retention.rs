//! What is kept no longer. Rows go in bounded batches, each a short transaction that also counts them in the run's result; repeating one
//! that was interrupted deletes the rest.

use ovia_domain::{OrgId, RunId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Store, StoreError};

/// Acts of people are kept this long.
const AUDIT_DAYS: i32 = 2 * 365;
/// Deliveries of webhooks: for longer than any source delivers again.
const DELIVERY_DAYS: i32 = 7;
/// Runs looked at together.
const RUNS: i64 = 200;
/// Rows of other tables deleted at a time.
const ROWS: i64 = 5_000;

/// Kinds of rows that age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aged {
    /// Ids that censuses which have ended left behind.
    CensusIds,
    /// Ended runs, with their events and all that belongs to them. The newest of each kind and connection stays: later ones are compared
    /// with it.
    Runs,
    /// Resolved ones.
    DeadLetters,
    /// Resolved ones.
    Anomalies,
    /// Resolved ones.
    RiskItems,
    /// Those of the newest run stay, however old it is.
    QualityResults,
    /// Those whose period ended longer ago than reports are kept, with their deliveries; not what is still to be sent.
    Reports,
    AuditEvents,
    /// Items written per hour, for "in the last 24 h".
    IngestHours,
    RequestMinutes,
    /// Of webhooks, that have been settled.
    WebhookDeliveries,
}

impl Aged {
    pub const ALL: [Aged; 11] = [
        Self::CensusIds,
        Self::Runs,
        Self::DeadLetters,
        Self::Anomalies,
        Self::RiskItems,
        Self::QualityResults,
        Self::Reports,
        Self::AuditEvents,
        Self::IngestHours,
        Self::RequestMinutes,
        Self::WebhookDeliveries,
    ];
}

impl Store {
    /// Deletes some of what has aged, and counts it in the result of `run`. False when there is nothing left.
    pub async fn retention_delete(&self, org: OrgId, run: RunId, aged: Aged) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let deleted = match aged {
            Aged::CensusIds => vec![("census_ids", census_ids_delete(&mut tx, org).await?)],
            Aged::Runs => runs_delete(&mut tx, org).await?,
            Aged::DeadLetters => vec![("dead_letters", dead_letters_delete(&mut tx, org).await?)],
            Aged::Anomalies => vec![("anomalies", anomalies_delete(&mut tx, org).await?)],
            Aged::RiskItems => vec![("risk_items", risk_items_delete(&mut tx, org).await?)],
            Aged::QualityResults => vec![("quality_results", quality_results_delete(&mut tx, org).await?)],
            Aged::Reports => vec![("reports", reports_delete(&mut tx, org).await?)],
            Aged::AuditEvents => vec![("audit_events", audit_events_delete(&mut tx, org).await?)],
            Aged::IngestHours => vec![("stream_ingest_hours", ingest_hours_delete(&mut tx, org).await?)],
            Aged::RequestMinutes => vec![("org_request_minutes", request_minutes_delete(&mut tx, org).await?)],
            Aged::WebhookDeliveries => vec![("webhook_deliveries", webhook_deliveries_delete(&mut tx, org).await?)],
        };
        let mut any = false;
        for (name, rows) in deleted {
            any |= rows > 0;
            count_add(&mut tx, org, run, name, rows).await?;
        }
        tx.commit().await?;
        Ok(any)
    }
}

async fn count_add(tx: &mut PgConnection, org: OrgId, run: RunId, name: &str, rows: u64) -> Result<(), StoreError> {
    sqlx::query!(
        r#"update runs set result = coalesce(result, '{}') || jsonb_build_object($3::text, coalesce((result ->> $3)::bigint, 0) + $4::bigint)
           where org_id = $1 and id = $2"#,
        org.0,
        run.0,
        name,
        i64::try_from(rows).unwrap_or(i64::MAX)
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn census_ids_delete(tx: &mut PgConnection, org: OrgId) -> Result<u64, StoreError> {
    let deleted = sqlx::query!(
        r#"delete from census_ids where ctid = any (array(
               select c.ctid from runs r cross join lateral (select ctid from census_ids where org_id = $1 and run_id = r.id limit $2) c
               where r.org_id = $1 and r.kind = 'census' and r.ended_at is not null limit $2
           ))"#,
        org.0,
        ROWS
    );
    Ok(deleted.execute(tx).await?.rows_affected())
}

/// What there may be very many of goes first, a batch at a time; the run's row goes when all of it has gone.
async fn runs_delete(tx: &mut PgConnection, org: OrgId) -> Result<Vec<(&'static str, u64)>, StoreError> {
    let runs = sqlx::query_scalar!(
        r#"select r.id from runs r
           where r.org_id = $1 and r.ended_at < now() - make_interval(days => (select retention_days from organisations where id = $1))
               and exists (
                   select from runs n where n.org_id = $1 and n.kind = r.kind and n.connection_id is not distinct from r.connection_id
                       and n.ended_at is not null and n.created_at > r.created_at
               )
           order by r.ended_at limit $2"#,
        org.0,
        RUNS
    );
    let runs = runs.fetch_all(&mut *tx).await?;
    let mut deleted = Vec::new();
    for table in ["run_events", "backfill_cursors", "census_ids"] {
        let rows = children_delete(tx, org, table, &runs).await?;
        deleted.push((table, rows));
        if rows >= ROWS as u64 {
            return Ok(deleted);
        }
    }
    let rows = sqlx::query!("delete from runs where org_id = $1 and id = any($2)", org.0, &runs).execute(tx).await?.rows_affected();
    deleted.push(("runs", rows));
    Ok(deleted)
}

/// Rows of `runs` in one of the tables that may hold very many of them.
async fn children_delete(tx: &mut PgConnection, org: OrgId, table: &str, runs: &[Uuid]) -> Result<u64, StoreError> {
    let sql = format!(
        "delete from {table} where ctid = any (array(
             select c.ctid from unnest($2::uuid[]) as r (id)
             cross join lateral (select ctid from {table} where org_id = $1 and run_id = r.id limit $3) c limit $3
         ))"
    );
    // the name of the table is one of ours
    let deleted = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.0).bind(runs).bind(ROWS).execute(tx).await?;
    Ok(deleted.rows_affected())
}

async fn dead_letters_delete(tx: &mut PgConnection, org: OrgId) -> Result<u64, StoreError> {
    let deleted = sqlx::query!(
        r#"delete from dead_letters where ctid = any (array(
               select ctid from dead_letters
               where org_id = $1 and status <> 'open'
                   and resolved_at < now() - make_interval(days => (select retention_days from organisations where id = $1))
               limit $2
           ))"#,
        org.0,
        ROWS
    );
    Ok(deleted.execute(tx).await?.rows_affected())
}

async fn anomalies_delete(tx: &mut PgConnection, org: OrgId) -> Result<u64, StoreError> {
    let deleted = sqlx::query!(
        r#"delete from anomalies where ctid = any (array(
               select ctid from anomalies
               where org_id = $1 and status = 'resolved'
                   and resolved_at < now() - make_interval(days => (select retention_days from organisations where id = $1))
               limit $2
           ))"#,
        org.0,
        ROWS
    );
    Ok(deleted.execute(tx).await?.rows_affected())
}

async fn risk_items_delete(tx: &mut PgConnection, org: OrgId) -> Result<u64, StoreError> {
    let deleted = sqlx::query!(
        r#"delete from risk_items where ctid = any (array(
               select ctid from risk_items
               where org_id = $1 and status = 'resolved'
                   -- a mute outlives the cause: it holds when that comes back
                   and (muted_at is null or muted_until < now())
                   and resolved_at < now() - make_interval(days => (select retention_days from organisations where id = $1))
               limit $2
           ))"#,
        org.0,
        ROWS
    );
    Ok(deleted.execute(tx).await?.rows_affected())
}

async fn quality_results_delete(tx: &mut PgConnection, org: OrgId) -> Result<u64, StoreError> {
    let deleted = sqlx::query!(
        r#"delete from quality_results where ctid = any (array(
               select ctid from quality_results
               where org_id = $1 and checked_at < now() - make_interval(days => (select retention_days from organisations where id = $1))
                   and run_id <> (select run_id from quality_results where org_id = $1 order by checked_at desc, id desc limit 1)
               limit $2
           ))"#,
        org.0,
        ROWS
    );
    Ok(deleted.execute(tx).await?.rows_affected())
}

async fn reports_delete(tx: &mut PgConnection, org: OrgId) -> Result<u64, StoreError> {
    let deleted = sqlx::query!(
        r#"delete from reports where id = any (array(
               select r.id from reports r
               where r.org_id = $1 and r.period_end < now() - make_interval(days => (select report_retention_days from organisations where id = $1))
                   and not exists (select from outbox o where o.report_id = r.id and o.status = 'pending')
               limit $2
           ))"#,
        org.0,
        RUNS
    );
    Ok(deleted.execute(tx).await?.rows_affected())
}

async fn audit_events_delete(tx: &mut PgConnection, org: OrgId) -> Result<u64, StoreError> {
    let deleted = sqlx::query!(
        r#"delete from audit_events where ctid = any (array(
               select ctid from audit_events where org_id = $1 and at < now() - make_interval(days => $2) order by id limit $3
           ))"#,
        org.0,
        AUDIT_DAYS,
        ROWS
    );
    Ok(deleted.execute(tx).await?.rows_affected())
}

async fn ingest_hours_delete(tx: &mut PgConnection, org: OrgId) -> Result<u64, StoreError> {
    let deleted = sqlx::query!(
        r#"delete from stream_ingest_hours where ctid = any (array(
               select ctid from stream_ingest_hours where org_id = $1 and hour < now() - interval '2 days' limit $2
           ))"#,
        org.0,
        ROWS
    );
    Ok(deleted.execute(tx).await?.rows_affected())
}

async fn request_minutes_delete(tx: &mut PgConnection, org: OrgId) -> Result<u64, StoreError> {
    let deleted = sqlx::query!(
        r#"delete from org_request_minutes where ctid = any (array(
               select ctid from org_request_minutes where org_id = $1 and minute < now() - interval '1 day' limit $2
           ))"#,
        org.0,
        ROWS
    );
    Ok(deleted.execute(tx).await?.rows_affected())
}

async fn webhook_deliveries_delete(tx: &mut PgConnection, org: OrgId) -> Result<u64, StoreError> {
    let deleted = sqlx::query!(
        r#"delete from webhook_deliveries where ctid = any (array(
               select ctid from webhook_deliveries
               where org_id = $1 and state <> 'pending' and received_at < now() - make_interval(days => $2) limit $3
           ))"#,
        org.0,
        DELIVERY_DAYS,
        ROWS
    );
    Ok(deleted.execute(tx).await?.rows_affected())
}

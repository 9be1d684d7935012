//! What is known of a stream of a connection over all its runs: kept up by the runs' own changes of state.

use ovia_domain::{OrgId, RunId, RunStatus};
use sqlx::PgConnection;

use crate::StoreError;

/// A run has walked a stream to its end. Only a sync that was refused nothing as a whole has read what is there now: a backfill reads a
/// window of the past, and what was given up or is not available was not read.
pub(crate) async fn stream_done_in_txn(tx: &mut PgConnection, org: OrgId, run: RunId, stream: &str, read: bool) -> Result<(), StoreError> {
    sqlx::query!(
        r#"insert into stream_states (org_id, connection_id, stream, last_success_at, backfill_status)
           select org_id, connection_id, $3, case when kind = 'sync' and $4 then now() end,
               case when kind = 'backfill' then 'RUNNING' else 'NOT_STARTED' end
           from runs where org_id = $1 and id = $2 and connection_id is not null and kind in ('sync', 'backfill')
           on conflict (connection_id, stream) do update set
               last_success_at = coalesce(excluded.last_success_at, stream_states.last_success_at),
               live_status = case when excluded.backfill_status = 'RUNNING' then stream_states.live_status else 'RUNNING' end"#,
        org.0,
        run.0,
        stream,
        read,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A backfill begins, pauses or goes on with the streams of its plan.
pub(crate) async fn backfill_status_in_txn(tx: &mut PgConnection, org: OrgId, run: RunId, status: &str) -> Result<(), StoreError> {
    sqlx::query!(
        r#"insert into stream_states (org_id, connection_id, stream, backfill_status)
           select r.org_id, r.connection_id, w.stream, $3
           from runs r join (select distinct run_id, stream from backfill_windows where run_id = $2) w on w.run_id = r.id
           where r.org_id = $1 and r.id = $2 and r.kind = 'backfill'
           on conflict (connection_id, stream) do update set backfill_status = excluded.backfill_status"#,
        org.0,
        run.0,
        status,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A run has ended: what it did not finish has stopped, and what made it fail is the last error of the streams it stopped in.
pub(crate) async fn run_ended_in_txn(tx: &mut PgConnection, org: OrgId, run: RunId, status: RunStatus) -> Result<(), StoreError> {
    let stopped = sqlx::query_scalar!(
        r#"with open as (select stream, status from run_streams where org_id = $1 and run_id = $2 and status in ('pending', 'running'))
           update run_streams s set status = 'stopped', ended_at = now() from open
           where s.org_id = $1 and s.run_id = $2 and s.stream = open.stream and open.status = 'running'
           returning s.stream"#,
        org.0,
        run.0,
    )
    .fetch_all(&mut *tx)
    .await?;
    let backfill = match status {
        RunStatus::Succeeded | RunStatus::Degraded => "DONE",
        RunStatus::Failed => "ERROR",
        _ => "NOT_STARTED",
    };
    backfill_status_in_txn(tx, org, run, backfill).await?;
    if status == RunStatus::Failed {
        sqlx::query!(
            r#"insert into stream_states (org_id, connection_id, stream, live_status, last_error_at, last_error_code, last_error_message)
               select r.org_id, r.connection_id, s.stream, case when r.kind = 'sync' then 'ERROR' else 'RUNNING' end, now(),
                      r.error ->> 'code', r.error ->> 'message'
               from runs r cross join unnest($3::text[]) as s (stream)
               where r.org_id = $1 and r.id = $2 and r.connection_id is not null and r.kind in ('sync', 'backfill')
               on conflict (connection_id, stream) do update
               set last_error_at = excluded.last_error_at, last_error_code = excluded.last_error_code,
                   last_error_message = excluded.last_error_message,
                   live_status = case when excluded.live_status = 'ERROR' then 'ERROR' else stream_states.live_status end"#,
            org.0,
            run.0,
            &stopped,
        )
        .execute(&mut *tx)
        .await?;
    }
    // partitions that were given up are errors of their streams as well
    sqlx::query!(
        r#"insert into stream_states (org_id, connection_id, stream, last_error_at, last_error_code, last_error_message)
           select distinct on (p.stream) r.org_id, r.connection_id, p.stream, p.at, p.error ->> 'code', p.error ->> 'message'
           from run_problems p join runs r on r.id = p.run_id
           where r.org_id = $1 and r.id = $2 and r.connection_id is not null and p.given_up
           order by p.stream, p.at desc
           on conflict (connection_id, stream) do update
           set last_error_at = excluded.last_error_at, last_error_code = excluded.last_error_code, last_error_message = excluded.last_error_message"#,
        org.0,
        run.0,
    )
    .execute(tx)
    .await?;
    Ok(())
}

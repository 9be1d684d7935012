//! Whether a run that came to its end brought what it should have: a run nobody can trust must not say `succeeded`.

use ovia_domain::{ErrorCode, OrgId, RunError, RunId, RunStatus};
use sqlx::PgConnection;

use crate::StoreError;

/// When a run that came to its end is not a success. Shares are of the records fetched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// More dead letters than this: `degraded`.
    pub dead_letters_degraded: f64,
    /// More than this: `failed`.
    pub dead_letters_failed: f64,
    /// A complete stream that brought less than this share of what it brought before: `degraded`.
    pub baseline_min: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { dead_letters_degraded: 0.01, dead_letters_failed: 0.5, baseline_min: 0.7 }
    }
}

/// Runs a complete stream is compared with.
const BASELINE_RUNS: i64 = 5;

/// What a run that came to its end is worth: `Succeeded`, or `Degraded` or `Failed` with the reason.
pub(crate) async fn verdict_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    run: RunId,
    thresholds: Thresholds,
) -> Result<(RunStatus, Option<RunError>), StoreError> {
    let (share_status, letters) = dead_letters(tx, org, run, thresholds).await?;
    let mut reasons: Vec<String> = letters.into_iter().collect();
    let mut code = ErrorCode::ValidationError;
    let mut request = None;
    if let Some(problem) = partitions(tx, org, run).await? {
        reasons.push(problem.message);
        (code, request) = (problem.code, problem.request);
    }
    reasons.extend(shrunk(tx, org, run, thresholds.baseline_min).await?);
    if reasons.is_empty() {
        return Ok((RunStatus::Succeeded, None));
    }
    let error = RunError {
        code,
        message: reasons.join(" "),
        hint: "What could be read is stored. Look at the run's events and at GET /dead-letters, mend the cause, and sync again.".into(),
        request,
    };
    Ok((share_status, Some(error)))
}

async fn dead_letters(
    tx: &mut PgConnection,
    org: OrgId,
    run: RunId,
    thresholds: Thresholds,
) -> Result<(RunStatus, Option<String>), StoreError> {
    let sums = sqlx::query!(
        r#"select coalesce(sum(fetched), 0)::bigint as "fetched!", coalesce(sum(dead_lettered), 0)::bigint as "dead!"
           from run_streams where org_id = $1 and run_id = $2"#,
        org.0,
        run.0
    )
    .fetch_one(tx)
    .await?;
    let share = sums.dead as f64 / sums.fetched.max(1) as f64;
    let sentence = || format!("{} of {} records could not be read and are dead letters.", sums.dead, sums.fetched);
    Ok(match share {
        share if share > thresholds.dead_letters_failed => (RunStatus::Failed, Some(sentence())),
        share if share > thresholds.dead_letters_degraded => (RunStatus::Degraded, Some(sentence())),
        _ => (RunStatus::Degraded, None),
    })
}

/// Partitions that were given up, as one sentence with the first one's reason.
async fn partitions(tx: &mut PgConnection, org: OrgId, run: RunId) -> Result<Option<RunError>, StoreError> {
    let row = sqlx::query!(
        r#"select count(*) as "count!", (array_agg(stream || ' of ' || partition order by stream, partition))[1] as first,
                  (array_agg(error order by stream, partition))[1] as error
           from run_problems where org_id = $1 and run_id = $2 and given_up"#,
        org.0,
        run.0
    )
    .fetch_one(tx)
    .await?;
    let (Some(first), Some(error)) = (row.first, row.error) else { return Ok(None) };
    let mut error: RunError = serde_json::from_value(error)?;
    let others = if row.count > 1 { format!(" and {} more", row.count - 1) } else { String::new() };
    error.message = format!("Not everything could be read: {first}{others}. {}", error.message);
    Ok(Some(error))
}

/// Streams that list everything on every walk and brought much less than the runs before: rows may be hidden from the token. Rows that a
/// census has found deleted since are not missed.
async fn shrunk(tx: &mut PgConnection, org: OrgId, run: RunId, min: f64) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query!(
        r#"select s.stream, s.fetched, b.expected as "expected!"
           from run_streams s
           join runs r on r.id = s.run_id
           join connections c on c.id = r.connection_id
           cross join lateral (
               select least(max(p.fetched), (
                   select count(*) from raw_records w
                   where w.org_id = $1 and w.connection_id = r.connection_id and w.stream = s.stream and w.deleted_at is null
               )) as expected from (
                   select ps.fetched from runs pr join run_streams ps on ps.run_id = pr.id and ps.stream = s.stream and ps.complete
                   where pr.org_id = $1 and pr.connection_id = r.connection_id and pr.kind = r.kind and pr.id <> r.id
                     and pr.status in ('succeeded', 'degraded') and pr.ended_at > c.updated_at
                   order by pr.created_at desc limit $3
               ) p
           ) b
           where s.org_id = $1 and s.run_id = $2 and s.complete and b.expected > 0 and s.fetched < b.expected * $4::double precision
           order by s.position"#,
        org.0,
        run.0,
        BASELINE_RUNS,
        min,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| format!("{} brought {} records where it brought {} before.", row.stream, row.fetched, row.expected))
        .collect())
}

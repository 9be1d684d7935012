//! Partitions a run could not read: the others go on without them, and the run ends `degraded`.

use ovia_domain::{OrgId, RunError, RunId};
use serde_json::json;
use sqlx::types::Json;

use crate::{Store, StoreError, run_log::event_insert_in_txn};

/// A partition the source would not serve.
#[derive(Clone, Debug)]
pub struct RunProblem {
    pub stream: String,
    pub partition: String,
    pub error: RunError,
    /// Rounds in which it failed.
    pub rounds: i32,
    /// No longer tried in this run.
    pub given_up: bool,
}

/// Partitions of a stream that are no longer tried.
#[derive(Clone, Debug)]
pub struct GivenUp {
    pub count: i64,
    /// Why the last one was given up.
    pub last: Option<RunError>,
}

impl Store {
    /// Notes that a partition failed once more. It is given up at once where `hopeless`, else after `give_up_after` rounds. Answers
    /// whether it is given up.
    #[expect(clippy::too_many_arguments, reason = "the key of a problem and its content")]
    pub async fn run_problem_note(
        &self,
        org: OrgId,
        run: RunId,
        stream: &str,
        partition: &str,
        error: &RunError,
        hopeless: bool,
        give_up_after: i32,
    ) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query!(
            r#"insert into run_problems (run_id, org_id, stream, partition, error, given_up) values ($1, $2, $3, $4, $5, $6 or $7 <= 1)
               on conflict (run_id, stream, partition) do update
               set error = excluded.error, rounds = run_problems.rounds + 1, at = now(),
                   given_up = run_problems.given_up or $6 or run_problems.rounds + 1 >= $7
               returning rounds, given_up"#,
            run.0,
            org.0,
            stream,
            partition,
            json!(error),
            hopeless,
            give_up_after,
        )
        .fetch_one(&mut *tx)
        .await?;
        let data = json!({"stream": stream, "partition": partition, "error": error, "rounds": row.rounds, "given_up": row.given_up});
        event_insert_in_txn(&mut tx, org, run, "partition_failed", data).await?;
        tx.commit().await?;
        Ok(row.given_up)
    }

    /// The partitions of a stream that the run has given up.
    pub async fn run_problems_given_up(&self, org: OrgId, run: RunId, stream: &str) -> Result<GivenUp, StoreError> {
        let row = sqlx::query!(
            r#"select count(*) as "count!", (array_agg(error order by at desc))[1] as "last: Json<RunError>"
               from run_problems where org_id = $1 and run_id = $2 and stream = $3 and given_up"#,
            org.0,
            run.0,
            stream
        );
        let row = row.fetch_one(&self.pool).await?;
        Ok(GivenUp { count: row.count, last: row.last.map(|error| error.0) })
    }

    /// What the run could not read, at most `limit`, in a stable order.
    pub async fn run_problems(&self, org: OrgId, run: RunId, limit: i64) -> Result<Vec<RunProblem>, StoreError> {
        let rows = sqlx::query!(
            r#"select stream, partition, error as "error: Json<RunError>", rounds, given_up from run_problems
               where org_id = $1 and run_id = $2 order by stream, partition limit $3"#,
            org.0,
            run.0,
            limit
        );
        let rows = rows.fetch_all(&self.pool).await?;
        Ok(rows
            .into_iter()
            .map(|row| RunProblem {
                stream: row.stream,
                partition: row.partition,
                error: row.error.0,
                rounds: row.rounds,
                given_up: row.given_up,
            })
            .collect())
    }
}

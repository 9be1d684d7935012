//! Whether an open run is at work, waits for something, or is stuck.
//!
//! A run shows that it is alive by its events and by the lease a slice of it renews while it works. Who waits has said so: until when, for
//! whom, or by whom it was paused. What is silent without a reason is stuck.

use ovia_domain::{RunKind, RunStatus};

use crate::{Store, StoreError, leases::LEASE_TTL, runs_read::RunRow};

/// Silence of a run of a connection after which it is stuck. Every retry of a source, and every renewal of a lease, comes sooner.
pub const STUCK_AFTER_SECONDS: f64 = 120.0;
/// The same for matching, rollups and retention: they tell nothing between beginning and end.
pub const STUCK_AFTER_SECONDS_ORG: f64 = 900.0;
/// Seconds after which a queued run should have been begun by a worker.
pub const BEGIN_WITHIN_SECONDS: f64 = 30.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunHealth {
    /// At work.
    Ok,
    /// For the source's limit, or for another run of the connection.
    Waiting,
    Paused,
    /// Open, and silent without a reason.
    Stuck,
    /// Queued, and nobody begins it.
    NoWorker,
}

impl RunHealth {
    pub const ALL: [Self; 5] = [Self::Ok, Self::Waiting, Self::Paused, Self::Stuck, Self::NoWorker];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Stuck => "stuck",
            Self::NoWorker => "no_worker",
        }
    }
}

/// What a run's health is judged by.
#[derive(Clone, Copy, Debug)]
pub struct RunSigns {
    pub kind: RunKind,
    pub status: RunStatus,
    /// Since its last sign of life.
    pub silent_seconds: f64,
    /// Since it should have gone on; negative before that.
    pub overdue_seconds: Option<f64>,
    /// Another run holds the connection's lease.
    pub has_to_wait: bool,
}

impl RunSigns {
    /// `None` once the run has ended.
    pub fn health(&self) -> Option<RunHealth> {
        let health = match self.status {
            status if status.is_terminal() => return None,
            RunStatus::Paused => RunHealth::Paused,
            RunStatus::Waiting if self.overdue_seconds.is_some_and(|seconds| seconds > STUCK_AFTER_SECONDS) => RunHealth::Stuck,
            RunStatus::Waiting => RunHealth::Waiting,
            _ if self.has_to_wait => RunHealth::Waiting,
            RunStatus::Queued if self.silent_seconds > BEGIN_WITHIN_SECONDS => RunHealth::NoWorker,
            _ if self.silent_seconds > self.stuck_after() => RunHealth::Stuck,
            _ => RunHealth::Ok,
        };
        Some(health)
    }

    fn stuck_after(&self) -> f64 {
        match self.kind {
            RunKind::Matching | RunKind::KpiRollup | RunKind::Retention | RunKind::Quality | RunKind::Report => STUCK_AFTER_SECONDS_ORG,
            _ => STUCK_AFTER_SECONDS,
        }
    }
}

impl RunRow {
    pub fn signs(&self) -> RunSigns {
        let overdue = self.waiting_until.map(|until| (self.last_activity_at - until).as_seconds_f64() + self.silent_seconds);
        RunSigns {
            // the table's checks hold these to the domain's names
            kind: RunKind::parse(&self.kind).unwrap_or(RunKind::Sync),
            status: RunStatus::parse(&self.status).unwrap_or(RunStatus::Failed),
            silent_seconds: self.silent_seconds,
            overdue_seconds: overdue,
            has_to_wait: self.lease_holder.is_some(),
        }
    }
}

impl Store {
    /// Of all organisations: the signs of every open run. For metrics.
    pub async fn runs_open_signs(&self) -> Result<Vec<RunSigns>, StoreError> {
        let rows = sqlx::query!(
            r#"select r.kind as "kind!", r.status as "status!",
                      extract(epoch from now() - greatest(
                          r.created_at, r.started_at,
                          (select e.at from run_events e where e.run_id = r.id order by e.id desc limit 1),
                          case when l.run_id = r.id then least(l.expires_at - make_interval(secs => $1), now()) end
                      ))::float8 as "silent!",
                      extract(epoch from now() - r.waiting_until)::float8 as overdue,
                      coalesce(l.run_id <> r.id and l.expires_at > now() and r.status in ('queued', 'running', 'cancelling'), false) as "waits!"
               from runs r left join connection_leases l on l.connection_id = r.connection_id
               where r.status in ('queued', 'running', 'waiting', 'paused', 'cancelling')"#,
            LEASE_TTL.as_secs_f64(),
        )
        .fetch_all(&self.pool)
        .await?;
        let signs = |kind: &str, status: &str| Some((RunKind::parse(kind)?, RunStatus::parse(status)?));
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                let (kind, status) = signs(&row.kind, &row.status)?;
                Some(RunSigns { kind, status, silent_seconds: row.silent, overdue_seconds: row.overdue, has_to_wait: row.waits })
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(status: RunStatus, silent_seconds: f64) -> RunSigns {
        RunSigns { kind: RunKind::Sync, status, silent_seconds, overdue_seconds: None, has_to_wait: false }
    }

    #[test]
    fn silence_needs_a_reason() {
        assert_eq!(signs(RunStatus::Running, 5.0).health(), Some(RunHealth::Ok));
        assert_eq!(signs(RunStatus::Running, 121.0).health(), Some(RunHealth::Stuck));
        assert_eq!(signs(RunStatus::Cancelling, 121.0).health(), Some(RunHealth::Stuck));
        assert_eq!(RunSigns { kind: RunKind::Matching, ..signs(RunStatus::Running, 121.0) }.health(), Some(RunHealth::Ok));
        assert_eq!(RunSigns { has_to_wait: true, ..signs(RunStatus::Running, 500.0) }.health(), Some(RunHealth::Waiting));
        assert_eq!(signs(RunStatus::Paused, 86_400.0).health(), Some(RunHealth::Paused));
        assert_eq!(signs(RunStatus::Queued, 5.0).health(), Some(RunHealth::Ok));
        assert_eq!(signs(RunStatus::Queued, 31.0).health(), Some(RunHealth::NoWorker));
        assert_eq!(signs(RunStatus::Succeeded, 31.0).health(), None);
    }

    #[test]
    fn a_wait_that_should_be_over_is_no_wait() {
        let waiting = |overdue| RunSigns { overdue_seconds: Some(overdue), ..signs(RunStatus::Waiting, 4_000.0) };
        assert_eq!(waiting(-3_000.0).health(), Some(RunHealth::Waiting));
        assert_eq!(waiting(10.0).health(), Some(RunHealth::Waiting));
        assert_eq!(waiting(121.0).health(), Some(RunHealth::Stuck));
    }
}

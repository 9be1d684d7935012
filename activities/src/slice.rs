//! One attempt at one slice of a run: what every kind of pulling shares.
//!
//! Nothing is remembered between attempts but what page commits stored: an attempt that died is repeated from the cursor in Postgres,
//! and the fence it takes at its start keeps an older attempt that wakes up late from writing.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use ovia_connectors::{Connector, ConnectorError};
use ovia_domain::{ConnectionId, OrgId, RunError, RunId, RunKind, Source, StreamKind, StreamSpec};
use ovia_store::{
    Store, StoreError,
    leases::{IngestClass, LEASE_RENEWAL},
    run_control::{Hold, RunControl},
    runs::RunBegun,
};
use ovia_workflows::types::{ConnectionRun, SliceOutcome};
use serde_json::json;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tokio::time::Instant;

use crate::{Activities, budget::BudgetClass, connector, details, failure, list, pulse};

/// How long a run that finds the connection taken waits before it looks again.
const LIVE_LOOKS_AGAIN: Duration = Duration::from_millis(300);
const BACKGROUND_LOOKS_AGAIN: Duration = Duration::from_secs(2);
/// How often a background slice looks whether a live run wants its place.
const GIVE_WAY_LOOK: Duration = Duration::from_secs(1);

/// Whose slice it is.
#[derive(Clone, Copy, Debug)]
pub struct RunOf {
    pub org_id: OrgId,
    pub run_id: RunId,
    pub connection_id: ConnectionId,
}

/// What one slice may use.
#[derive(Clone, Copy, Debug)]
struct SliceBudget {
    pages: u32,
    seconds: u32,
}

/// One attempt at one slice: it holds the connection's lease.
pub struct Slice<'a> {
    pub store: &'a Store,
    pub ctx: &'a ActivityContext,
    pub run: RunOf,
    pub control: RunControl,
    pub connector: Arc<dyn Connector>,
    pub fence: i64,
    budget: SliceBudget,
    deadline: Instant,
    pages: AtomicU32,
    /// When it last looked whether someone wants the lease.
    looked: Mutex<Instant>,
    /// Someone does.
    wanted: AtomicBool,
}

/// How a walk within a slice ended, when nothing went wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Walked {
    Complete,
    BudgetUsed,
    /// A live run wants the lease.
    GiveWay,
}

/// Why a slice stopped early.
pub enum Stop {
    Source(ConnectorError),
    /// Nothing of a stream could be read, and it has been tried often enough.
    GivenUp(RunError),
    Store(StoreError),
    Cancelled,
    Paused,
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Cancelling => Self::Cancelled,
            StoreError::Paused => Self::Paused,
            error => Self::Store(error),
        }
    }
}

impl<'a> Slice<'a> {
    /// Opens the connection and takes its lease; or says at once what the slice comes to.
    pub async fn open(
        activities: &'a Activities,
        ctx: &'a ActivityContext,
        input: &ConnectionRun,
    ) -> Result<Result<Self, SliceOutcome>, ActivityError> {
        let store = &activities.store;
        let run = RunOf { org_id: input.org_id, run_id: input.run_id, connection_id: input.connection_id };
        let budget = SliceBudget { pages: input.tuning.slice_pages, seconds: input.tuning.slice_seconds };
        let control = match run_control(activities, run).await? {
            Ok(control) => control,
            Err(outcome) => return Ok(Err(outcome)),
        };
        let class = IngestClass::of(control.kind);
        // a scheduled sync is a live one: it is what the reserve is kept for
        let budget_class = if class == IngestClass::Live { BudgetClass::Live } else { BudgetClass::Background };
        let connector = match connector::open_with(activities, run.org_id, run.connection_id, budget_class, &control.params).await? {
            Ok(connector) => connector,
            Err(error) => return Ok(Err(SliceOutcome::Failed { error })),
        };
        let fence = match store.lease_acquire(run.org_id, run.connection_id, run.run_id, class).await {
            Ok(fence) => fence,
            Err(StoreError::LeaseBusy) => {
                let wait = if class == IngestClass::Live { LIVE_LOOKS_AGAIN } else { BACKGROUND_LOOKS_AGAIN };
                return Ok(Err(SliceOutcome::Yielded { pages: 0, wait_ms: wait.as_millis() as u64 }));
            }
            Err(error) => return Err(failure::store(error)),
        };
        let now = Instant::now();
        Ok(Ok(Self {
            store,
            ctx,
            run,
            control,
            connector,
            fence,
            budget,
            deadline: now + Duration::from_secs(u64::from(budget.seconds)),
            pages: AtomicU32::new(0),
            looked: Mutex::new(now),
            wanted: AtomicBool::new(false),
        }))
    }

    /// The run is running, with `streams` as its plan; `complete` are those that bring all rows with every walk.
    pub async fn run_begin(&self, streams: &[&str], complete: &[&str]) -> Result<(), Stop> {
        match self.store.run_begin(self.run.org_id, self.run.run_id, streams, complete).await? {
            RunBegun::Running => Ok(()),
            RunBegun::Paused => Err(Stop::Paused),
            RunBegun::Stop => Err(Stop::Cancelled),
        }
    }

    /// Walks one stream as the live cursors say. The run's row of the stream is kept up.
    pub async fn stream_walk(&self, stream: StreamSpec) -> Result<Walked, Stop> {
        let RunOf { org_id, run_id, connection_id } = self.run;
        let total_hint = match stream.kind {
            StreamKind::Detail => {
                let all = self.takes_all_details().await?;
                Some(self.store.detail_count(org_id, connection_id, stream.name, all).await?)
            }
            StreamKind::List(_) => None,
        };
        self.store.run_stream_begin(org_id, run_id, stream.name, total_hint).await?;
        let walked = match stream.kind {
            StreamKind::List(partitioning) => list::walk(self, stream.name, partitioning, None).await?,
            StreamKind::Detail => details::walk(self, stream.name).await?,
        };
        if walked == Walked::Complete {
            self.store.run_stream_done(org_id, run_id, stream.name).await?;
        }
        Ok(walked)
    }

    /// What the slice comes to. Gives the lease back where the run now waits for something.
    pub async fn outcome(&self, walked: Result<Walked, Stop>) -> Result<SliceOutcome, ActivityError> {
        let pages = self.pages();
        match walked {
            Ok(Walked::Complete) => Ok(SliceOutcome::Done { pages }),
            Ok(Walked::BudgetUsed) => Ok(SliceOutcome::More { pages }),
            Ok(Walked::GiveWay) => {
                self.lease_release().await?;
                Ok(SliceOutcome::Yielded { pages, wait_ms: BACKGROUND_LOOKS_AGAIN.as_millis() as u64 })
            }
            Err(Stop::Cancelled) if self.ctx.is_cancelled() => Err(ActivityError::cancelled()),
            Err(Stop::Cancelled) => Ok(SliceOutcome::Cancelled { pages }),
            Err(Stop::Paused) => {
                self.lease_release().await?;
                Ok(SliceOutcome::Paused { pages })
            }
            Err(Stop::GivenUp(error)) => Ok(SliceOutcome::Failed { error }),
            Err(Stop::Store(error)) => Err(failure::store(error)),
            Err(Stop::Source(error)) => self.source_outcome(&error).await,
        }
    }

    async fn source_outcome(&self, error: &ConnectorError) -> Result<SliceOutcome, ActivityError> {
        let (pages, RunOf { org_id, run_id, .. }) = (self.pages(), self.run);
        if let ConnectorError::RateLimited { until, .. } = error {
            let wait = (*until - chrono::Utc::now()).to_std().unwrap_or(Duration::ZERO);
            self.store.run_wait(org_id, run_id, *until, "rate limit").await.map_err(failure::store)?;
            self.lease_release().await?;
            return Ok(SliceOutcome::Waiting { pages, until: *until, wait_ms: wait.as_millis() as u64 + 1 });
        }
        let run_error = failure::source(error, self.source());
        if !error.is_retryable() {
            return Ok(SliceOutcome::Failed { error: run_error });
        }
        self.store.run_event(org_id, run_id, "source_failed", json!({"error": run_error})).await.map_err(failure::store)?;
        self.lease_release().await?;
        Ok(SliceOutcome::SourceFailed { pages, error: run_error })
    }

    async fn lease_release(&self) -> Result<(), ActivityError> {
        let RunOf { org_id, run_id, connection_id } = self.run;
        self.store.lease_release(org_id, connection_id, run_id, self.fence).await.map_err(failure::store)
    }

    pub fn is_backfill(&self) -> bool {
        self.control.kind == RunKind::Backfill
    }

    /// Whether details that a backfill asked for are for this slice: of a backfill always, of others once there is no backfill that will
    /// fetch them.
    pub async fn takes_all_details(&self) -> Result<bool, Stop> {
        let RunOf { org_id, connection_id, .. } = self.run;
        Ok(self.is_backfill() || self.store.connection_run_open(org_id, connection_id, RunKind::Backfill).await?.is_none())
    }

    pub fn source(&self) -> Source {
        self.connector.source()
    }

    /// Pages committed so far.
    pub fn pages(&self) -> u32 {
        self.pages.load(Ordering::Relaxed)
    }

    /// A page is stored: whether to stop here.
    pub async fn page_stored(&self) -> Result<Option<Walked>, Stop> {
        self.pages.fetch_add(1, Ordering::Relaxed);
        self.stop_due().await
    }

    /// Whether to stop at the next place where that can be done.
    pub async fn stop_due(&self) -> Result<Option<Walked>, Stop> {
        if self.is_wanted().await? {
            return Ok(Some(Walked::GiveWay));
        }
        let over = self.pages() >= self.budget.pages || Instant::now() >= self.deadline;
        Ok(over.then_some(Walked::BudgetUsed))
    }

    /// Whether a live run wants the lease; asked of Postgres once in a while.
    async fn is_wanted(&self) -> Result<bool, Stop> {
        if IngestClass::of(self.control.kind) == IngestClass::Live {
            return Ok(false);
        }
        if !self.wanted.load(Ordering::Relaxed) && self.look_is_due() {
            let RunOf { org_id, run_id, connection_id } = self.run;
            self.wanted.store(self.store.lease_wanted(org_id, connection_id, run_id).await?, Ordering::Relaxed);
        }
        Ok(self.wanted.load(Ordering::Relaxed))
    }

    fn look_is_due(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked.elapsed() >= GIVE_WAY_LOOK;
        if due {
            *looked = Instant::now();
        }
        due
    }

    /// Waits for `future` with heartbeats going out and the lease renewed; stops waiting when the activity is cancelled or the lease lost.
    pub async fn with_pulse<T>(&self, future: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            biased;
            done = pulse::with_pulse(self.ctx, future) => done.ok_or(Stop::Cancelled),
            lost = self.lease_lost() => Err(lost),
        }
    }

    /// Renews the lease, as a page commit would, until it is lost. A Postgres that does not answer is left to the next commit.
    async fn lease_lost(&self) -> Stop {
        let RunOf { org_id, run_id, connection_id } = self.run;
        loop {
            tokio::time::sleep(LEASE_RENEWAL).await;
            if let Err(StoreError::Fenced) = self.store.lease_renew(org_id, connection_id, run_id, self.fence).await {
                return Stop::Store(StoreError::Fenced);
            }
        }
    }
}

/// The run as it stands; an outcome where it must not go on now.
async fn run_control(activities: &Activities, run: RunOf) -> Result<Result<RunControl, SliceOutcome>, ActivityError> {
    let store = &activities.store;
    let control = store.run_control(run.org_id, run.run_id).await.map_err(failure::store)?;
    let Some(control) = control.filter(RunControl::is_going) else { return Ok(Err(SliceOutcome::Cancelled { pages: 0 })) };
    let switched_off = activities.kill_switch && control.background;
    if let Some(hold) = control.hold.or(switched_off.then_some(Hold::KillSwitch)) {
        store.run_hold(run.org_id, run.run_id, hold).await.map_err(failure::store)?;
        return Ok(Err(SliceOutcome::Paused { pages: 0 }));
    }
    // what held it is gone
    store.run_unhold(run.org_id, run.run_id).await.map_err(failure::store)?;
    Ok(Ok(control))
}

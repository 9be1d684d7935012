//! `ovia.pull_slice`: pages of one stream, until it is complete or the slice's budget is used up.
//!
//! Nothing is remembered between attempts but what page commits stored: an attempt that died is repeated from the cursor in Postgres,
//! and the fence it takes at its start keeps an older attempt that wakes up late from writing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use ovia_connectors::{Connector, ConnectorError};
use ovia_domain::{RunStatus, Source, StreamKind, StreamSpec};
use ovia_store::{Store, StoreError, ingest::PageCommit};
use ovia_workflows::types::{PullSlice, SliceOutcome};
use serde_json::json;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tokio::time::Instant;

use crate::{Activities, connector, details, failure, list, pulse};

/// One attempt at one slice.
pub struct Slice<'a> {
    pub store: &'a Store,
    pub ctx: &'a ActivityContext,
    pub input: &'a PullSlice,
    pub connector: Arc<dyn Connector>,
    fence: i64,
    deadline: Instant,
    pages: AtomicU32,
}

/// How a walk within a slice ended, when nothing went wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Walked {
    Complete,
    BudgetUsed,
}

/// Why a slice stopped early.
pub enum Stop {
    Source(ConnectorError),
    Store(StoreError),
    Cancelled,
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Cancelling => Self::Cancelled,
            error => Self::Store(error),
        }
    }
}

pub async fn pull_slice(activities: &Activities, ctx: &ActivityContext, input: PullSlice) -> Result<SliceOutcome, ActivityError> {
    let store = &activities.store;
    let status = store.run_status(input.org_id, input.run_id).await.map_err(failure::store)?;
    if !matches!(status, Some(RunStatus::Running | RunStatus::Waiting)) {
        return Ok(SliceOutcome::Cancelled { pages: 0 });
    }
    let connector = match connector::open(activities, input.org_id, input.connection_id).await? {
        Ok(connector) => connector,
        Err(error) => return Ok(SliceOutcome::Failed { error }),
    };
    let Some(stream) = connector.streams().into_iter().find(|stream| stream.name == input.stream) else {
        // settings changed while the run was going on: the stream is no longer wanted
        return Ok(SliceOutcome::Done { pages: 0 });
    };
    let fence = store.lease_acquire(input.org_id, input.connection_id, input.run_id).await.map_err(failure::store)?;
    let deadline = Instant::now() + Duration::from_secs(u64::from(input.max_seconds));
    let slice = Slice { store, ctx, input: &input, connector, fence, deadline, pages: AtomicU32::new(0) };
    let walked = slice.walk(stream).await;
    slice.outcome(walked).await
}

impl Slice<'_> {
    async fn walk(&self, stream: StreamSpec) -> Result<Walked, Stop> {
        let total_hint = match stream.kind {
            StreamKind::Detail => Some(self.store.detail_count(self.input.org_id, self.input.connection_id, stream.name).await?),
            StreamKind::List(_) => None,
        };
        self.store.run_stream_begin(self.input.org_id, self.input.run_id, stream.name, total_hint).await?;
        let walked = match stream.kind {
            StreamKind::List(partitioning) => list::walk(self, partitioning).await?,
            StreamKind::Detail => details::walk(self).await?,
        };
        if walked == Walked::Complete {
            self.store.run_stream_done(self.input.org_id, self.input.run_id, stream.name).await?;
        }
        Ok(walked)
    }

    async fn outcome(&self, walked: Result<Walked, Stop>) -> Result<SliceOutcome, ActivityError> {
        let pages = self.pages.load(Ordering::Relaxed);
        match walked {
            Ok(Walked::Complete) => Ok(SliceOutcome::Done { pages }),
            Ok(Walked::BudgetUsed) => Ok(SliceOutcome::More { pages }),
            Err(Stop::Cancelled) if self.ctx.is_cancelled() => Err(ActivityError::cancelled()),
            Err(Stop::Cancelled) => Ok(SliceOutcome::Cancelled { pages }),
            Err(Stop::Store(error)) => Err(failure::store(error)),
            Err(Stop::Source(error)) => self.source_outcome(&error).await,
        }
    }

    async fn source_outcome(&self, error: &ConnectorError) -> Result<SliceOutcome, ActivityError> {
        let pages = self.pages.load(Ordering::Relaxed);
        if let ConnectorError::RateLimited { until, .. } = error {
            let wait = (*until - chrono::Utc::now()).to_std().unwrap_or(Duration::ZERO);
            self.store.run_wait(self.input.org_id, self.input.run_id, *until, "rate limit").await.map_err(failure::store)?;
            return Ok(SliceOutcome::Waiting { pages, until: *until, wait_ms: wait.as_millis() as u64 + 1 });
        }
        let run_error = failure::source(error);
        if !error.is_retryable() {
            return Ok(SliceOutcome::Failed { error: run_error });
        }
        let data = json!({"stream": self.input.stream, "error": run_error});
        self.store.run_event(self.input.org_id, self.input.run_id, "source_failed", data).await.map_err(failure::store)?;
        Ok(SliceOutcome::SourceFailed { pages, error: run_error })
    }

    /// A commit of this slice's stream with nothing in it yet.
    pub fn commit(&self) -> PageCommit<'_> {
        PageCommit {
            org_id: self.input.org_id,
            connection_id: self.input.connection_id,
            source: self.source(),
            run_id: self.input.run_id,
            fence: self.fence,
            stream: &self.input.stream,
            records: &[],
            dead_letters: &[],
            cursor: None,
            finished: &[],
            requests: 0,
            total_hint: None,
            note: None,
        }
    }

    fn source(&self) -> Source {
        self.connector.source()
    }

    /// A page is stored: counts it against the budget. True when the budget is used up.
    pub fn page_stored(&self) -> bool {
        let pages = self.pages.fetch_add(1, Ordering::Relaxed) + 1;
        pages >= self.input.max_pages || Instant::now() >= self.deadline
    }

    /// Waits for `future` with heartbeats going out, and stops waiting when the activity is cancelled.
    pub async fn with_pulse<T>(&self, future: impl Future<Output = T>) -> Result<T, Stop> {
        pulse::with_pulse(self.ctx, future).await.ok_or(Stop::Cancelled)
    }
}

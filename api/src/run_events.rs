//! `GET /runs/{id}/events`: a run's log as it grows, as server-sent events.
//!
//! The stream reads the table, from the event the client has seen last; a notification only says when to look again. So it can be
//! cut at any point and taken up by another process. It ends with the run's `run_finished`; a run that ended without one (its log
//! was cut, or the client has seen it already) ends the stream as well.

use std::collections::VecDeque;

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use ovia_domain::{OrgId, RunId, RunStatus};
use ovia_store::{
    StoreError,
    run_events::{RUN_FINISHED, RunEventRow, RunEventsSubscription},
};
use poem::web::sse::Event;
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
    payload::EventStream,
    types::ToJSON,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{auth::Caller, problem::Problem, service::Tag, state::ApiState, time::Time};

/// Events read at once.
const BATCH: i64 = 500;

/// One thing that happened, as `event: <kind>` with this as `data`. The kind's own fields stand beside these two.
#[derive(Object)]
#[oai(rename = "RunEvent")]
struct RunEventOut {
    run_id: Uuid,
    at: Time,
    #[oai(skip)]
    id: i64,
    #[oai(skip)]
    kind: String,
    #[oai(skip)]
    fields: Value,
}

pub(crate) struct RunEventsApi(pub ApiState);

type Events = EventStream<BoxStream<'static, RunEventOut>>;

#[OpenApi(tag = "Tag::Runs")]
impl RunEventsApi {
    /// Watch a run
    ///
    /// Server-sent events: `run_queued`, `run_started`, `stream_started`, `page_committed`, `stream_finished`, `run_waiting`,
    /// `run_resumed`, `run_cancelling`, `run_finished`; others may come. Each has its id; send the last one you saw as
    /// `Last-Event-ID` (or `after`) to go on from there. Comments keep an idle stream open. The stream ends with the run.
    #[oai(path = "/runs/:id/events", method = "get", operation_id = "run_events")]
    async fn events(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        /// Id of the last event seen. Wins over `after`.
        #[oai(name = "Last-Event-ID", validator(minimum(value = "0")))]
        last_event_id: Header<Option<i64>>,
        /// The same, for clients that cannot set headers.
        #[oai(validator(minimum(value = "0")))]
        after: Query<Option<i64>>,
    ) -> Result<Events, Problem> {
        let (org_id, run_id) = (caller.org_id(), RunId(id.0));
        let found = self.0.config.store.run_status(org_id, run_id).await?;
        found.ok_or_else(|| Problem::not_found("run", run_id))?;
        let reader = Reader::new(self.0.clone(), org_id, run_id, last_event_id.0.or(after.0).unwrap_or(0));
        let events = stream::unfold(reader, Reader::next).boxed();
        Ok(EventStream::new(events).keep_alive(self.0.config.sse_heartbeat).to_event(RunEventOut::into_event))
    }
}

/// Where one client is in one run's log.
struct Reader {
    state: ApiState,
    subscription: RunEventsSubscription,
    org_id: OrgId,
    run_id: RunId,
    last: i64,
    ready: VecDeque<RunEventRow>,
    over: bool,
}

impl Reader {
    fn new(state: ApiState, org_id: OrgId, run_id: RunId, last: i64) -> Self {
        // before the first read: what is written in between is announced
        let subscription = state.events.subscribe();
        Self { state, subscription, org_id, run_id, last, ready: VecDeque::new(), over: false }
    }

    /// The next event; `None` after the last one, when the server stops, or when Postgres fails (the client comes back by itself).
    async fn next(mut self) -> Option<(RunEventOut, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.last = event.id;
                self.over = event.kind == RUN_FINISHED;
                return Some((RunEventOut::new(event), self));
            }
            if self.over || self.state.stopping.is_cancelled() {
                return None;
            }
            match self.read().await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    tracing::warn!(run_id = %self.run_id, %error, "failed to read run events; the stream ends");
                    return None;
                }
            }
        }
    }

    /// Reads what is new, or waits for it. False when the run is over and nothing more can come.
    async fn read(&mut self) -> Result<bool, StoreError> {
        let store = &self.state.config.store;
        // the status first: a run that was over before this read has written all its events
        let over = store.run_status(self.org_id, self.run_id).await?.is_none_or(RunStatus::is_terminal);
        self.ready = store.run_events_after(self.org_id, self.run_id, self.last, BATCH).await?.into();
        if self.ready.is_empty() && !over {
            tokio::select! {
                () = self.subscription.wait(self.run_id) => {}
                () = self.state.stopping.cancelled() => {}
            }
        }
        Ok(!(over && self.ready.is_empty()))
    }
}

impl RunEventOut {
    fn new(row: RunEventRow) -> Self {
        Self { run_id: row.run_id.0, at: row.at.into(), id: row.id, kind: row.kind, fields: row.data }
    }

    fn into_event(self) -> Event {
        let mut data = match &self.fields {
            Value::Object(fields) => fields.clone(),
            other => serde_json::Map::from_iter([("value".to_owned(), other.clone())]),
        };
        if let Some(Value::Object(common)) = self.to_json() {
            data.extend(common);
        }
        Event::message(Value::Object(data).to_string()).id(self.id.to_string()).event_type(self.kind)
    }
}

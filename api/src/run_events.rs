//! `GET /runs/{id}/events`: a run's log as it grows, as server-sent events.
//!
//! The stream can be cut at any point and taken up by another process. It ends with the run's `run_finished`; a run that ended without
//! one (its log was cut, or the client has seen it already) ends the stream as well.

use std::{borrow::Cow, sync::Arc};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use ovia_domain::RunId;
use ovia_store::run_events::{EventScope, RunEventRow};
use poem::web::sse::Event;
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
    payload::EventStream,
    registry::{MetaSchemaRef, Registry},
    types::{ToJSON, Type},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    auth::Caller,
    live::{LiveEvent, Reader},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
};

/// Heartbeats between looks whether the token of an open stream is still good.
const LOOK_AT_TOKEN: u32 = 3;

/// One thing that happened, as `event: <kind>` with this as `data`. The kind's own fields stand beside these two.
#[derive(Object)]
#[oai(rename = "RunEvent")]
struct RunEventOut {
    run_id: Uuid,
    at: Time,
}

/// One event of a stream. Documented as `RunEventOut`; what is sent was rendered when it was read.
pub(crate) struct Sent(Arc<LiveEvent>);

pub(crate) type Events = EventStream<BoxStream<'static, Sent>>;

pub(crate) struct RunEventsApi(pub ApiState);

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
        Ok(events(&self.0, &caller, EventScope::Run(org_id, run_id), last_event_id.0.or(after.0).unwrap_or(0), None))
    }
}

/// The events of `scope` after event `last`, and those to come; first of all where they begin, if `opened` says so. They end when the
/// caller's token is revoked.
pub(crate) fn events(state: &ApiState, caller: &Caller, scope: EventScope, last: i64, opened: Option<i64>) -> Events {
    let opened = stream::iter(opened.map(LiveEvent::opened));
    let told = opened.chain(stream::unfold(Reader::new(&state.live, scope, last), Reader::next)).map(Sent);
    let told = told.take_until(caller.revoked(state, state.config.sse_heartbeat * LOOK_AT_TOKEN)).boxed();
    EventStream::new(told).keep_alive(state.config.sse_heartbeat).to_event(Sent::into_event)
}

/// An event's `data`.
pub(crate) fn render(row: &RunEventRow) -> String {
    let mut data = match &row.data {
        Value::Object(fields) => fields.clone(),
        other => serde_json::Map::from_iter([("value".to_owned(), other.clone())]),
    };
    let common = RunEventOut { run_id: row.run_id.0, at: row.at.into() };
    if let Some(Value::Object(common)) = common.to_json() {
        data.extend(common);
    }
    Value::Object(data).to_string()
}

impl Sent {
    fn into_event(self) -> Event {
        Event::message(self.0.data.as_str()).id(self.0.id.to_string()).event_type(self.0.kind.as_str())
    }
}

/// On the wire it is a `RunEventOut`.
impl Type for Sent {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        RunEventOut::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        RunEventOut::schema_ref()
    }

    fn register(registry: &mut Registry) {
        RunEventOut::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ToJSON for Sent {
    fn to_json(&self) -> Option<Value> {
        serde_json::from_str(&self.0.data).ok()
    }
}

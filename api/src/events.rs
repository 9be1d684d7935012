//! `GET /events`: what happens in all of an organisation's runs, as server-sent events.

use ovia_store::run_events::EventScope;
use poem_openapi::{
    OpenApi,
    param::{Header, Query},
};

use crate::{
    auth::Caller,
    problem::Problem,
    run_events::{Events, events},
    service::Tag,
    state::ApiState,
};

pub(crate) struct EventsApi(pub ApiState);

#[OpenApi(tag = "Tag::Runs")]
impl EventsApi {
    /// Watch everything
    ///
    /// The events of all the organisation's runs, as `/runs/{id}/events` has them, in one order of rising ids. Without `Last-Event-ID`
    /// or `after` it tells what happens from now on, and begins with an event `stream_opened` whose id is where that is. `after=0`
    /// begins at the oldest event that is kept. Send the last id you saw to go on from there: none is missed or repeated, whichever
    /// server answers. The stream ends only when the server stops or the token is revoked.
    #[oai(path = "/events", method = "get", operation_id = "events")]
    async fn events(
        &self,
        caller: Caller,
        /// Id of the last event seen. Wins over `after`.
        #[oai(name = "Last-Event-ID", validator(minimum(value = "0")))]
        last_event_id: Header<Option<i64>>,
        /// The same, for clients that cannot set headers.
        #[oai(validator(minimum(value = "0")))]
        after: Query<Option<i64>>,
    ) -> Result<Events, Problem> {
        let scope = EventScope::Org(caller.org_id());
        Ok(match last_event_id.0.or(after.0) {
            Some(last) => events(&self.0, &caller, scope, last, None),
            None => {
                let end = self.0.live.end(scope).await?;
                // without it a client that is cut off before the first event would not know where to go on
                events(&self.0, &caller, scope, end, Some(end))
            }
        })
    }
}

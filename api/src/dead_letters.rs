//! `/dead-letters`: records that could not be read or stored, and what to do about them.

use ovia_domain::ConnectionId;
use ovia_store::{
    dead_letters::{DeadLetterFilter, LetterStatus, ReasonFilter},
    letter_drop::Dropped,
};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use uuid::Uuid;

use crate::{
    auth::Caller,
    body::Body,
    names::Name,
    page::{ListOf, list, page},
    problem::Problem,
    replay::letters_replay,
    service::Tag,
    state::ApiState,
    time::Time,
};

mod select;
mod types;

pub(crate) use select::nothing;
use types::{DeadLetterCountOut, DeadLetterOut, DropIn, DroppedOut, ReplayIn};
pub(crate) use types::{RefusedOut, ReplaysOut};

pub(crate) struct DeadLettersApi(pub ApiState);

#[derive(ApiResponse)]
enum Accepted {
    /// Under way, one run for each connection.
    #[oai(status = 202)]
    Accepted(Json<ReplaysOut>),
}

#[OpenApi(tag = "Tag::Runs")]
impl DeadLettersApi {
    /// List dead letters, newest first
    #[oai(path = "/dead-letters", method = "get", operation_id = "dead_letters_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        caller: Caller,
        /// A connection's id.
        connection: Query<Option<Uuid>>,
        stream: Query<Option<String>>,
        /// The reason as it stands, or its beginning followed by `*`.
        reason: Query<Option<String>>,
        status: Query<Option<Name<LetterStatus>>>,
        /// Last seen at or after this time.
        since: Query<Option<Time>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<DeadLetterOut>>, Problem> {
        let filter = DeadLetterFilter {
            connection_id: connection.0.map(ConnectionId),
            stream: stream.0,
            reason: reason.0.map(ReasonFilter),
            status: status.0.map(|status| status.0),
            since: since.0.map(|time| time.0),
        };
        let rows = self.0.config.store.dead_letters_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, DeadLetterOut::from))
    }

    /// Open dead letters by connection, stream and reason
    ///
    /// The 200 largest groups, the largest first, in one page.
    #[oai(path = "/dead-letters/counts", method = "get", operation_id = "dead_letters_count")]
    async fn counts(
        &self,
        caller: Caller,
        /// A connection's id.
        connection: Query<Option<Uuid>>,
    ) -> Result<Json<ListOf<DeadLetterCountOut>>, Problem> {
        let rows = self.0.config.store.dead_letters_count(caller.org_id(), connection.0.map(ConnectionId)).await?;
        Ok(Json(ListOf { items: rows.into_iter().map(DeadLetterCountOut::from).collect(), next_cursor: None }))
    }

    /// One dead letter, with its payload
    #[oai(path = "/dead-letters/:id", method = "get", operation_id = "dead_letter_fetch")]
    async fn fetch(&self, caller: Caller, id: Path<i64>) -> Result<Json<DeadLetterOut>, Problem> {
        let row = self.0.config.store.dead_letter_fetch(caller.org_id(), id.0).await?;
        Ok(Json(row.ok_or_else(|| Problem::not_found("dead-letter", id.0))?.into()))
    }

    /// Read dead letters again
    ///
    /// Those that can be read by now are stored and closed; the others stay open with the new reason. Nothing is asked of the source, but
    /// for letters about a request it would not serve: the next sync makes those again.
    #[oai(path = "/dead-letters/replay", method = "post", operation_id = "dead_letters_replay")]
    async fn replay(&self, caller: Caller, body: Body<ReplayIn>) -> Result<Accepted, Problem> {
        let selection = select::selection(&self.0, &caller, body.0.into()).await?;
        Ok(Accepted::Accepted(Json(letters_replay(&self.0, &caller, selection).await?)))
    }

    /// Drop dead letters
    ///
    /// Closes them for good: a payload that is dropped stays so when it is seen again. At most 100,000 at a time; `more` says to ask again.
    #[oai(path = "/dead-letters/drop", method = "post", operation_id = "dead_letters_drop")]
    async fn close(&self, caller: Caller, body: Body<DropIn>) -> Result<Json<DroppedOut>, Problem> {
        let why = body.0.why.trim().to_owned();
        if !(1..=1_000).contains(&why.chars().count()) {
            return Err(Problem::field("why", "it is not 1 to 1000 characters"));
        }
        let selection = select::selection(&self.0, &caller, body.0.into()).await?;
        let dropped = self.0.config.store.dead_letters_drop(caller.org_id(), &caller.requested_by(), &selection, &why).await?;
        if dropped == Dropped::default() {
            return Err(nothing());
        }
        Ok(Json(DroppedOut { dropped: dropped.letters, more: dropped.more }))
    }
}

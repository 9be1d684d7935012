//! `GET /sprints`.

use ovia_domain::ConnectionId;
use ovia_store::sprints::{SprintFilter, SprintRow};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use uuid::Uuid;

use crate::{
    auth::Caller,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
};

/// One sprint.
#[derive(Object)]
#[oai(rename = "Sprint")]
struct SprintOut {
    id: i64,
    connection_id: Uuid,
    source: String,
    external_id: String,
    /// The board it was planned on, by its name; null until the board itself has been synced.
    board: Option<String>,
    board_external_id: Option<String>,
    name: String,
    /// The source's word: `future`, `active`, `closed`.
    state: String,
    goal: Option<String>,
    starts_at: Option<Time>,
    /// As planned.
    ends_at: Option<Time>,
    completed_at: Option<Time>,
}

pub(crate) struct SprintsApi(pub ApiState);

#[OpenApi(tag = "Tag::Work")]
impl SprintsApi {
    /// List sprints, those that begin last first
    ///
    /// What is in one: GET /work-items?sprint={id}.
    #[oai(path = "/sprints", method = "get", operation_id = "sprints_list")]
    async fn list(
        &self,
        caller: Caller,
        /// The source's word: `future`, `active`, `closed`.
        state: Query<Option<String>>,
        /// A board's name or its id in the source.
        board: Query<Option<String>>,
        /// A connection's id.
        connection: Query<Option<Uuid>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<SprintOut>>, Problem> {
        let filter = SprintFilter { state: state.0, board: board.0, connection_id: connection.0.map(ConnectionId) };
        let rows = self.0.config.store.sprints_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, SprintOut::from))
    }
}

impl From<SprintRow> for SprintOut {
    fn from(row: SprintRow) -> Self {
        Self {
            id: row.id,
            connection_id: row.connection_id.0,
            source: row.source,
            external_id: row.external_id,
            board: row.board,
            board_external_id: row.board_external_id,
            name: row.name,
            state: row.state,
            goal: row.goal,
            starts_at: row.starts_at.map(Time),
            ends_at: row.ends_at.map(Time),
            completed_at: row.completed_at.map(Time),
        }
    }
}

//! `GET /pipelines`.

use ovia_domain::{ConnectionId, PersonId};
use ovia_store::pipelines::{PipelineFilter, PipelineRow};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use uuid::Uuid;

use crate::{
    auth::Caller,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
    who::WhoOut,
};

/// One pipeline.
#[derive(Object)]
#[oai(rename = "Pipeline")]
struct PipelineOut {
    id: i64,
    connection_id: Uuid,
    source: String,
    external_id: String,
    url: Option<String>,
    /// The project's full path; null until the project itself has been synced.
    project: Option<String>,
    project_external_id: String,
    number: Option<i64>,
    /// The source's word: `success`, `failed`, `canceled`, `running` …
    status: String,
    /// What started it: `push`, `schedule`, `merge_request_event` …
    trigger: Option<String>,
    /// Branch or tag.
    git_ref: Option<String>,
    sha: Option<String>,
    /// Who started it; null until the details have been synced.
    started_by: Option<WhoOut>,
    created_at: Option<Time>,
    updated_at: Option<Time>,
    started_at: Option<Time>,
    finished_at: Option<Time>,
    /// Null when the source does not say, which is not 0.
    duration_seconds: Option<f64>,
    queued_seconds: Option<f64>,
    /// Test coverage, in percent.
    coverage: Option<f64>,
}

pub(crate) struct PipelinesApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl PipelinesApi {
    /// List pipelines, newest first
    #[oai(path = "/pipelines", method = "get", operation_id = "pipelines_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        caller: Caller,
        /// `success`, `failed`, `canceled`, `running` …
        status: Query<Option<String>>,
        /// A project's full path or its id in the source.
        project: Query<Option<String>>,
        /// A branch or tag.
        git_ref: Query<Option<String>>,
        /// A connection's id.
        connection: Query<Option<Uuid>>,
        /// Who started it, as a person's id.
        person: Query<Option<Uuid>>,
        /// Created at or after this time.
        since: Query<Option<Time>>,
        /// Created before this time.
        until: Query<Option<Time>>,
        /// Only the rows that this KPI counted: its `id`.
        kpi_snapshot_id: Query<Option<i64>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<PipelineOut>>, Problem> {
        let filter = PipelineFilter {
            status: status.0,
            project: project.0,
            git_ref: git_ref.0,
            connection_id: connection.0.map(ConnectionId),
            person_id: person.0.map(PersonId),
            since: since.0.map(|time| time.0),
            until: until.0.map(|time| time.0),
            kpi_snapshot_id: kpi_snapshot_id.0,
        };
        let rows = self.0.config.store.pipelines_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, PipelineOut::from))
    }
}

impl From<PipelineRow> for PipelineOut {
    fn from(row: PipelineRow) -> Self {
        Self {
            started_by: row.identity_external_id.map(|external_id| WhoOut {
                external_id,
                identity_id: row.identity_id,
                username: row.identity_username,
                display_name: row.identity_name,
                is_bot: row.identity_is_bot,
                person_id: row.person_id,
                person_name: row.person_name,
            }),
            id: row.id,
            connection_id: row.connection_id.0,
            source: row.source,
            external_id: row.external_id,
            url: row.url,
            project: row.project,
            project_external_id: row.project_external_id,
            number: row.number,
            status: row.status,
            trigger: row.trigger,
            git_ref: row.git_ref,
            sha: row.sha,
            created_at: row.created_at.map(Time),
            updated_at: row.updated_at.map(Time),
            started_at: row.started_at.map(Time),
            finished_at: row.finished_at.map(Time),
            duration_seconds: row.duration_seconds,
            queued_seconds: row.queued_seconds,
            coverage: row.coverage,
        }
    }
}

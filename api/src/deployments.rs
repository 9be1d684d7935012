//! `GET /deployments`.

use ovia_domain::{ConnectionId, PersonId};
use ovia_store::deployments::{DeploymentFilter, DeploymentRow};
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

/// One deployment.
#[derive(Object)]
#[oai(rename = "Deployment")]
struct DeploymentOut {
    id: i64,
    connection_id: Uuid,
    source: String,
    external_id: String,
    /// The source's page for it, where it has one.
    url: Option<String>,
    /// The project's full path; null until the project itself has been synced.
    project: Option<String>,
    project_external_id: String,
    number: Option<i64>,
    /// The source's word: `success`, `failed`, `blocked` …
    status: String,
    environment: Option<String>,
    /// `production`, `staging`, `testing`, `development`, `other`.
    tier: Option<String>,
    git_ref: Option<String>,
    sha: Option<String>,
    deployed_by: Option<WhoOut>,
    created_at: Time,
    updated_at: Option<Time>,
    finished_at: Option<Time>,
}

pub(crate) struct DeploymentsApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl DeploymentsApi {
    /// List deployments, newest first
    #[oai(path = "/deployments", method = "get", operation_id = "deployments_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        caller: Caller,
        /// `success`, `failed`, `blocked` …
        status: Query<Option<String>>,
        /// A project's full path or its id in the source.
        project: Query<Option<String>>,
        /// An environment's name.
        environment: Query<Option<String>>,
        /// `production`, `staging`, `testing`, `development`, `other`.
        tier: Query<Option<String>>,
        /// A connection's id.
        connection: Query<Option<Uuid>>,
        /// Who deployed, as a person's id.
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
    ) -> Result<Json<ListOf<DeploymentOut>>, Problem> {
        let filter = DeploymentFilter {
            status: status.0,
            project: project.0,
            environment: environment.0,
            tier: tier.0,
            connection_id: connection.0.map(ConnectionId),
            person_id: person.0.map(PersonId),
            since: since.0.map(|time| time.0),
            until: until.0.map(|time| time.0),
            kpi_snapshot_id: kpi_snapshot_id.0,
        };
        let rows = self.0.config.store.deployments_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, DeploymentOut::from))
    }
}

impl From<DeploymentRow> for DeploymentOut {
    fn from(row: DeploymentRow) -> Self {
        Self {
            deployed_by: row.identity_external_id.map(|external_id| WhoOut {
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
            environment: row.environment,
            tier: row.tier,
            git_ref: row.git_ref,
            sha: row.sha,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.map(Time),
            finished_at: row.finished_at.map(Time),
        }
    }
}

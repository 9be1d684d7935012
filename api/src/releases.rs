//! `/releases`: what projects plan and release, what is in each, and why.

use ovia_domain::ConnectionId;
use ovia_store::{
    PageToken,
    versions::{VersionFilter, VersionRow},
};
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
};
use uuid::Uuid;

use crate::{
    auth::Caller,
    page::{ListOf, list, list_of, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
};

mod types;

use types::{ProgressOut, ReleaseDetailOut, ReleaseItemOut, ReleaseOut, RuleCountOut, ScopeOut};

pub(crate) struct ReleasesApi(pub ApiState);

#[OpenApi(tag = "Tag::Work")]
impl ReleasesApi {
    /// List releases, those that were seen last first
    #[oai(path = "/releases", method = "get", operation_id = "releases_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        caller: Caller,
        /// Part of the name.
        q: Query<Option<String>>,
        /// A project's full path or its id in the source.
        project: Query<Option<String>>,
        /// A connection's id.
        connection: Query<Option<Uuid>>,
        released: Query<Option<bool>>,
        archived: Query<Option<bool>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<ReleaseOut>>, Problem> {
        let filter = VersionFilter {
            q: q.0,
            connection_id: connection.0.map(ConnectionId),
            project: project.0,
            released: released.0,
            archived: archived.0,
        };
        let rows = self.0.config.store.versions_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, ReleaseOut::from))
    }

    /// One release, with its scope, its progress, and why what is in it is there
    #[oai(path = "/releases/:id", method = "get", operation_id = "release_fetch")]
    async fn fetch(&self, caller: Caller, id: Path<i64>) -> Result<Json<ReleaseDetailOut>, Problem> {
        let (store, org) = (&self.0.config.store, caller.org_id());
        let version = self.version(&caller, id.0).await?;
        let scope = store.version_scope(org, &version).await?;
        let items = store.version_members_list(org, &version, &PageToken::default()).await?;
        Ok(Json(ReleaseDetailOut {
            scope: ScopeOut::new(version.id, &scope),
            progress: ProgressOut::new(&scope),
            membership: RuleCountOut::all(&scope),
            items: list_of(items, ReleaseItemOut::from),
            release: version.into(),
        }))
    }

    /// What is in a release, and why: those that were seen last first
    #[oai(path = "/releases/:id/items", method = "get", operation_id = "release_items")]
    async fn items(
        &self,
        caller: Caller,
        id: Path<i64>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<ReleaseItemOut>>, Problem> {
        let version = self.version(&caller, id.0).await?;
        let rows = self.0.config.store.version_members_list(caller.org_id(), &version, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, ReleaseItemOut::from))
    }
}

impl ReleasesApi {
    async fn version(&self, caller: &Caller, id: i64) -> Result<VersionRow, Problem> {
        let version = self.0.config.store.version_fetch(caller.org_id(), id).await?;
        version.ok_or_else(|| Problem::not_found("release", id))
    }
}

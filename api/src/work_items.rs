//! `/work-items`: epics, stories, bugs, tasks and their parts; what happened to each, and what mentions it.

use ovia_domain::{ConnectionId, PersonId, StatusCategory, WorkItemKind};
use ovia_store::{PageToken, work_item_keys::KeyedItem, work_items::WorkItemFilter};
use poem_openapi::{
    OpenApi,
    param::{Path, Query},
    payload::Json,
};
use uuid::Uuid;

use crate::{
    auth::Caller,
    mentions::MentionOut,
    names::Name,
    page::{ListOf, list, list_of, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
};

mod types;

pub(crate) use types::NamedOut;
use types::{ChangeOut, LinkOut, WorkItemDetailOut, WorkItemOut, WorklogOut};

pub(crate) struct WorkItemsApi(pub ApiState);

#[OpenApi(tag = "Tag::Work")]
impl WorkItemsApi {
    /// List work items, newest first
    #[oai(path = "/work-items", method = "get", operation_id = "work_items_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        caller: Caller,
        /// Part of the title.
        q: Query<Option<String>>,
        /// What it is, whatever its source calls it.
        #[oai(name = "type")]
        kind: Query<Option<Name<WorkItemKind>>>,
        /// Where its status stands, whatever its source calls it.
        status_category: Query<Option<Name<StatusCategory>>>,
        /// The source's word.
        status: Query<Option<String>>,
        /// A project's full path or its id in the source.
        project: Query<Option<String>>,
        /// A connection's id.
        connection: Query<Option<Uuid>>,
        /// A release's id: what goes out with it.
        release: Query<Option<i64>>,
        /// A sprint's id.
        sprint: Query<Option<i64>>,
        /// An epic's key: what is below it, and what is below that.
        epic: Query<Option<String>>,
        /// A work item's key: what is right below it.
        parent: Query<Option<String>>,
        /// The assignee, as a person's id.
        assignee_person: Query<Option<Uuid>>,
        /// Updated at or after this time.
        updated_since: Query<Option<Time>>,
        /// Whether one of its anomalies is open: see GET /anomalies.
        needs_review: Query<Option<bool>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<WorkItemOut>>, Problem> {
        let filter = WorkItemFilter {
            q: q.0,
            kind: kind.0.map(|kind| kind.0.as_str().to_owned()),
            status_category: status_category.0.map(|category| category.0.as_str().to_owned()),
            status: status.0,
            connection_id: connection.0.map(ConnectionId),
            project: project.0,
            assignee_person_id: assignee_person.0.map(PersonId),
            release_id: release.0,
            sprint_id: sprint.0,
            epic: epic.0,
            parent: parent.0,
            updated_since: updated_since.0.map(|time| time.0),
            needs_review: needs_review.0,
        };
        let rows = self.0.config.store.work_items_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, WorkItemOut::from))
    }

    /// One work item, with its changelog, its children, its links and what mentions it
    ///
    /// The lists are first pages: their `next_cursor` goes on with the paths below, and with `GET /work-items?parent=`.
    #[oai(path = "/work-items/:key", method = "get", operation_id = "work_item_fetch")]
    async fn fetch(
        &self,
        caller: Caller,
        /// A key the work item has, or had before it was moved.
        key: Path<String>,
        /// A connection's id, where several have such a key.
        connection: Query<Option<Uuid>>,
    ) -> Result<Json<WorkItemDetailOut>, Problem> {
        let (store, org) = (&self.0.config.store, caller.org_id());
        let found = self.item(&caller, &key.0, connection.0).await?;
        let item = store.work_item_fetch(org, found.id).await?.ok_or_else(|| Problem::not_found("work item", &key.0))?;
        let below =
            WorkItemFilter { parent: Some(found.key.clone()), connection_id: Some(found.connection_id), ..WorkItemFilter::default() };
        let first = PageToken::default();
        Ok(Json(WorkItemDetailOut {
            item: item.into(),
            changelog: list_of(store.work_item_changes_list(org, &found, &first).await?, ChangeOut::from),
            children: list_of(store.work_items_list(org, &below, &first).await?, WorkItemOut::from),
            logged_seconds: store.worklogs_seconds(org, &found).await?,
            worklogs: list_of(store.worklogs_list(org, &found, &first).await?, WorklogOut::from),
            links: store.work_item_links(org, &found).await?.into_iter().map(LinkOut::from).collect(),
            mentions: list_of(store.mentions_list(org, &found, &first).await?, MentionOut::from),
        }))
    }

    /// What happened to a work item, newest first
    #[oai(path = "/work-items/:key/changelog", method = "get", operation_id = "work_item_changelog")]
    async fn changelog(
        &self,
        caller: Caller,
        /// A key the work item has, or had before it was moved.
        key: Path<String>,
        /// A connection's id, where several have such a key.
        connection: Query<Option<Uuid>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<ChangeOut>>, Problem> {
        let item = self.item(&caller, &key.0, connection.0).await?;
        let rows = self.0.config.store.work_item_changes_list(caller.org_id(), &item, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, ChangeOut::from))
    }

    /// Work logged on a work item, begun last first
    #[oai(path = "/work-items/:key/worklogs", method = "get", operation_id = "work_item_worklogs")]
    async fn worklogs(
        &self,
        caller: Caller,
        /// A key the work item has, or had before it was moved.
        key: Path<String>,
        /// A connection's id, where several have such a key.
        connection: Query<Option<Uuid>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<WorklogOut>>, Problem> {
        let item = self.item(&caller, &key.0, connection.0).await?;
        let rows = self.0.config.store.worklogs_list(caller.org_id(), &item, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, WorklogOut::from))
    }

    /// Where merge requests, commits and documents mention a work item
    ///
    /// One entry for each place; what was found last comes first.
    #[oai(path = "/work-items/:key/mentions", method = "get", operation_id = "work_item_mentions")]
    async fn mentions(
        &self,
        caller: Caller,
        /// A key the work item has, or had before it was moved.
        key: Path<String>,
        /// A connection's id, where several have such a key.
        connection: Query<Option<Uuid>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<MentionOut>>, Problem> {
        let item = self.item(&caller, &key.0, connection.0).await?;
        let rows = self.0.config.store.mentions_list(caller.org_id(), &item, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, MentionOut::from))
    }
}

impl WorkItemsApi {
    /// The one work item that `key` means.
    async fn item(&self, caller: &Caller, key: &str, connection: Option<Uuid>) -> Result<KeyedItem, Problem> {
        // Postgres has no NUL in text
        let keys = if key.contains('\0') { Vec::new() } else { vec![key.to_owned()] };
        let mut found = self.0.config.store.work_items_by_keys(caller.org_id(), &keys).await?;
        found.retain(|item| connection.is_none_or(|connection| item.connection_id.0 == connection));
        // who has the key goes before who had it
        if found.iter().any(|item| item.key == key) {
            found.retain(|item| item.key == key);
        }
        let item = found.pop().ok_or_else(|| Problem::not_found("work item", key))?;
        if found.is_empty() { Ok(item) } else { Err(Problem::parameter("connection", "several have a work item of this key: say which")) }
    }
}

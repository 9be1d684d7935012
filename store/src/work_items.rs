//! Reading work items.

use chrono::{DateTime, NaiveDate, Utc};
use ovia_domain::{ConnectionId, OrgId, PersonId};
use serde::Deserialize;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{
    PageOf, PageToken, Store, StoreError,
    accounts::AccountRow,
    page::{CursorTime, contains_pattern},
    places::Places,
};

const LIST: &str = "work_items";

/// One work item with what it belongs to. Columns are documented on `ovia_domain::WorkItem`.
#[derive(Clone, Debug)]
pub struct WorkItemRow {
    pub id: i64,
    pub connection_id: ConnectionId,
    pub source: String,
    pub external_id: String,
    pub url: Option<String>,
    pub key: String,
    pub project_external_id: String,
    /// The project's full path.
    pub project: Option<String>,
    pub title: String,
    pub kind: String,
    pub type_name: String,
    pub status: String,
    pub status_category: Option<String>,
    pub priority: Option<String>,
    pub resolution: Option<String>,
    /// Also where the parent itself has not been seen.
    pub parent_external_id: Option<String>,
    pub parent_id: Option<i64>,
    pub parent_key: Option<String>,
    pub parent_title: Option<String>,
    pub parent_kind: Option<String>,
    pub parent_status_category: Option<String>,
    /// The parent, or the parent's parent, whichever is an epic.
    pub epic_id: Option<i64>,
    pub epic_external_id: Option<String>,
    pub epic_key: Option<String>,
    pub epic_title: Option<String>,
    pub epic_status_category: Option<String>,
    pub author_external_id: Option<String>,
    pub reporter_external_id: Option<String>,
    pub assignee_external_id: Option<String>,
    pub labels: Vec<String>,
    pub components: Vec<String>,
    pub story_points: Option<f64>,
    pub due_on: Option<NaiveDate>,
    pub created_at: DateTime<Utc>,
    pub updated_at: Option<DateTime<Utc>>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub fix_versions: Json<Vec<NamedRow>>,
    /// The release it goes out with, and what chose it: `None` where there is none to choose, or no sync has ended yet.
    pub release_external_id: Option<String>,
    pub release_id: Option<i64>,
    pub release_name: Option<String>,
    pub release_rule: Option<String>,
    pub release_unambiguous: Option<bool>,
    /// One of its anomalies is open.
    pub needs_review: bool,
    /// All it is or was in.
    pub sprints: Json<Vec<NamedRow>>,
}

/// Something a row names. Id and name are `None` until it has been seen itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NamedRow {
    pub id: Option<i64>,
    pub external_id: String,
    pub name: Option<String>,
}

/// A work item and its people.
#[derive(Clone, Debug)]
pub struct WorkItemListed {
    pub item: WorkItemRow,
    pub author: Option<AccountRow>,
    pub reporter: Option<AccountRow>,
    pub assignee: Option<AccountRow>,
}

/// Which work items to list.
#[derive(Clone, Debug, Default)]
pub struct WorkItemFilter {
    /// Found in the title.
    pub q: Option<String>,
    /// `epic`, `story`, `bug`, `task`, `subtask`.
    pub kind: Option<String>,
    /// `todo`, `in_progress`, `done`.
    pub status_category: Option<String>,
    /// The source's word.
    pub status: Option<String>,
    pub connection_id: Option<ConnectionId>,
    /// Full path or external id.
    pub project: Option<String>,
    pub assignee_person_id: Option<PersonId>,
    /// A version's id: what goes out with it.
    pub release_id: Option<i64>,
    pub sprint_id: Option<i64>,
    /// A key: what has this epic as its parent, and what has one of those as its parent.
    pub epic: Option<String>,
    /// A key.
    pub parent: Option<String>,
    pub updated_since: Option<DateTime<Utc>>,
    pub needs_review: Option<bool>,
}

/// What a filter's names stand for.
#[derive(Default)]
struct Found {
    projects: Option<Places>,
    assignees: Option<Places>,
    parents: Option<Places>,
    release: Option<(Uuid, String)>,
    sprint: Option<(Uuid, String)>,
}

impl Store {
    /// Work items, newest first.
    pub async fn work_items_list(
        &self,
        org_id: OrgId,
        filter: &WorkItemFilter,
        page: &PageToken,
    ) -> Result<PageOf<WorkItemListed>, StoreError> {
        let key: Option<(CursorTime, i64)> = page.key(LIST)?;
        let Some(found) = self.filter_found(org_id, filter).await? else {
            return Ok(PageOf { items: Vec::new(), next_cursor: None });
        };
        let rows = self.work_item_rows(org_id, None, filter, found, key, page.fetch()).await?;
        let rows = page.page(LIST, rows, |row| (CursorTime(row.created_at), row.id))?;
        Ok(PageOf { items: self.work_items_with_people(org_id, rows.items).await?, next_cursor: rows.next_cursor })
    }

    /// One work item.
    pub async fn work_item_fetch(&self, org_id: OrgId, id: i64) -> Result<Option<WorkItemListed>, StoreError> {
        let rows = self.work_item_rows(org_id, Some(id), &WorkItemFilter::default(), Found::default(), None, 1).await?;
        Ok(self.work_items_with_people(org_id, rows).await?.pop())
    }

    async fn work_item_rows(
        &self,
        org_id: OrgId,
        id: Option<i64>,
        filter: &WorkItemFilter,
        found: Found,
        key: Option<(CursorTime, i64)>,
        limit: i64,
    ) -> Result<Vec<WorkItemRow>, StoreError> {
        let (project_connections, projects) = Places::parts(found.projects);
        let (assignee_connections, assignees) = Places::parts(found.assignees);
        let (parent_connections, parents) = Places::parts(found.parents);
        let (release_connection, release) = found.release.unzip();
        let (sprint_connection, sprint) = found.sprint.unzip();
        let rows = sqlx::query_file_as!(
            WorkItemRow,
            "src/work_items_list.sql",
            org_id.0,
            id,
            filter.q.as_deref().map(contains_pattern),
            filter.kind,
            filter.status_category,
            filter.status,
            filter.connection_id.map(|id| id.0),
            filter.updated_since,
            project_connections.as_deref(),
            projects.as_deref(),
            assignee_connections.as_deref(),
            assignees.as_deref(),
            parent_connections.as_deref(),
            parents.as_deref(),
            release_connection,
            release,
            sprint_connection,
            sprint,
            filter.needs_review,
            key.map(|key| key.0.0),
            key.map(|key| key.1),
            limit
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// What the names in `filter` stand for; `None` where one stands for nothing, so that nothing can be listed.
    async fn filter_found(&self, org_id: OrgId, filter: &WorkItemFilter) -> Result<Option<Found>, StoreError> {
        let mut found = Found::default();
        if let Some(project) = &filter.project {
            found.projects = Some(self.project_places(org_id, project).await?);
        }
        if let Some(person) = filter.assignee_person_id {
            found.assignees = Some(self.person_places(org_id, person).await?);
        }
        if let Some(key) = &filter.epic {
            found.parents = Some(self.epic_places(org_id, key).await?);
        }
        if let Some(key) = &filter.parent {
            let parents = Places::of_items(&self.work_items_by_keys(org_id, std::slice::from_ref(key)).await?);
            found.parents = Some(found.parents.map_or_else(|| parents.clone(), |epics| epics.both(&parents)));
        }
        if let Some(id) = filter.release_id {
            let place = self.version_place(org_id, id).await?;
            let Some(place) = place else { return Ok(None) };
            found.release = Some(place);
        }
        if let Some(id) = filter.sprint_id {
            let place = self.sprint_place(org_id, id).await?;
            let Some(place) = place else { return Ok(None) };
            found.sprint = Some(place);
        }
        let nowhere = [&found.projects, &found.assignees, &found.parents].into_iter().flatten().any(Places::is_empty);
        Ok((!nowhere).then_some(found))
    }

    async fn work_items_with_people(&self, org_id: OrgId, rows: Vec<WorkItemRow>) -> Result<Vec<WorkItemListed>, StoreError> {
        let named = rows.iter().flat_map(|row| {
            [&row.author_external_id, &row.reporter_external_id, &row.assignee_external_id].map(|id| (row.connection_id, id.as_ref()))
        });
        let accounts = self.accounts_named(org_id, named).await?;
        let listed = |item: WorkItemRow| WorkItemListed {
            author: accounts.of(item.connection_id, item.author_external_id.as_ref()),
            reporter: accounts.of(item.connection_id, item.reporter_external_id.as_ref()),
            assignee: accounts.of(item.connection_id, item.assignee_external_id.as_ref()),
            item,
        };
        Ok(rows.into_iter().map(listed).collect())
    }
}

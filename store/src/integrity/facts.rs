//! Rows for a pass to look at, in batches by key.

use chrono::{DateTime, Utc};
use ovia_domain::integrity::{ItemFacts, Parent, SprintFacts, VersionDates, VersionFacts};
use serde::de::{DeserializeOwned, IntoDeserializer, value};

use super::IntegrityAttempt;
use crate::{Store, StoreError};

/// Which work items are next.
#[derive(Clone, Copy, Debug)]
pub enum ItemKeys<'a> {
    /// Changed after this one did.
    Changed {
        at: DateTime<Utc>,
        id: i64,
    },
    /// Below these (external ids), of a higher id.
    Below {
        parents: &'a [String],
        id: i64,
    },
    OfProject {
        project: &'a str,
        id: i64,
    },
    InSprint {
        sprint: &'a str,
        id: i64,
    },
}

/// A work item with what its rules compare it with.
#[derive(Clone, Debug)]
pub struct StoredItem {
    pub id: i64,
    pub external_id: String,
    pub project_external_id: String,
    /// When it was found to be next: one that is written meanwhile does not take the cursor along.
    pub changed_at: DateTime<Utc>,
    pub deleted: bool,
    pub labels: Vec<String>,
    pub fix_version_external_ids: Vec<String>,
    pub facts: ItemFacts,
}

#[derive(Clone, Debug)]
pub struct StoredVersion {
    pub external_id: String,
    pub deleted: bool,
    pub dates: VersionDates,
}

#[derive(Clone, Debug)]
pub struct StoredSprint {
    pub external_id: String,
    pub deleted: bool,
    pub facts: SprintFacts,
}

/// Where an item is in the order of keys.
struct ItemKey {
    id: i64,
    changed_at: DateTime<Utc>,
}

/// A row of `items.sql`.
struct ItemRow {
    id: i64,
    external_id: String,
    project_external_id: String,
    changed_at: DateTime<Utc>,
    deleted: bool,
    kind: String,
    status: String,
    status_category: Option<String>,
    resolution: Option<String>,
    parent_external_id: Option<String>,
    labels: Vec<String>,
    fix_version_external_ids: Vec<String>,
    created_at: DateTime<Utc>,
    updated_at: Option<DateTime<Utc>>,
    resolved_at: Option<DateTime<Utc>>,
    parent_key: Option<String>,
    parent_kind: Option<String>,
    active_sprints: Vec<String>,
}

impl Store {
    /// At most `limit` items, in the order of their keys; deleted ones are among them, for nothing is wrong with them any more.
    pub async fn integrity_items(&self, attempt: &IntegrityAttempt, keys: ItemKeys<'_>, limit: i64) -> Result<Vec<StoredItem>, StoreError> {
        let keys = self.item_keys(attempt, keys, limit).await?;
        let (ids, times): (Vec<i64>, Vec<DateTime<Utc>>) = keys.into_iter().map(|key| (key.id, key.changed_at)).unzip();
        let rows = sqlx::query_file_as!(ItemRow, "src/integrity/items.sql", attempt.org.0, attempt.connection.0, &ids, &times);
        rows.fetch_all(&self.pool).await?.into_iter().map(StoredItem::try_from).collect()
    }

    async fn item_keys(&self, attempt: &IntegrityAttempt, keys: ItemKeys<'_>, limit: i64) -> Result<Vec<ItemKey>, StoreError> {
        let (org, connection) = (attempt.org.0, attempt.connection.0);
        let rows = match keys {
            ItemKeys::Changed { at, id } => {
                sqlx::query_as!(
                    ItemKey,
                    "select id, changed_at from work_items
                     where org_id = $1 and connection_id = $2 and (changed_at, id) > ($3, $4) order by changed_at, id limit $5",
                    org,
                    connection,
                    at,
                    id,
                    limit
                )
                .fetch_all(&self.pool)
                .await
            }
            ItemKeys::Below { parents, id } => {
                sqlx::query_as!(
                    ItemKey,
                    "select id, changed_at from work_items
                     where org_id = $1 and connection_id = $2 and parent_external_id = any($3) and id > $4 order by id limit $5",
                    org,
                    connection,
                    parents,
                    id,
                    limit
                )
                .fetch_all(&self.pool)
                .await
            }
            ItemKeys::OfProject { project, id } => {
                sqlx::query_as!(
                    ItemKey,
                    "select id, changed_at from work_items
                     where org_id = $1 and connection_id = $2 and project_external_id = $3 and id > $4 order by id limit $5",
                    org,
                    connection,
                    project,
                    id,
                    limit
                )
                .fetch_all(&self.pool)
                .await
            }
            ItemKeys::InSprint { sprint, id } => {
                sqlx::query_as!(
                    ItemKey,
                    "select id, changed_at from work_items
                     where org_id = $1 and connection_id = $2 and sprint_external_ids @> array[$3] and id > $4 order by id limit $5",
                    org,
                    connection,
                    sprint,
                    id,
                    limit
                )
                .fetch_all(&self.pool)
                .await
            }
        };
        Ok(rows?)
    }

    /// The first project after `after` of which a version changed since then.
    pub async fn integrity_project_next(
        &self,
        attempt: &IntegrityAttempt,
        since: DateTime<Utc>,
        after: &str,
    ) -> Result<Option<String>, StoreError> {
        let next = sqlx::query_scalar!(
            "select min(project_external_id) from versions
             where org_id = $1 and connection_id = $2 and changed_at >= $3 and project_external_id > $4",
            attempt.org.0,
            attempt.connection.0,
            since,
            after
        );
        Ok(next.fetch_one(&self.pool).await?)
    }

    /// The first sprint after `after` that changed since then.
    pub async fn integrity_sprint_next(
        &self,
        attempt: &IntegrityAttempt,
        since: DateTime<Utc>,
        after: &str,
    ) -> Result<Option<String>, StoreError> {
        let next = sqlx::query_scalar!(
            "select min(external_id) from sprints where org_id = $1 and connection_id = $2 and changed_at >= $3 and external_id > $4",
            attempt.org.0,
            attempt.connection.0,
            since,
            after
        );
        Ok(next.fetch_one(&self.pool).await?)
    }

    /// Versions of these projects, each with its project.
    pub async fn integrity_versions_of(
        &self,
        attempt: &IntegrityAttempt,
        projects: &[String],
    ) -> Result<Vec<(String, VersionFacts)>, StoreError> {
        let rows = sqlx::query!(
            "select project_external_id, external_id, name, release_on from versions
             where org_id = $1 and connection_id = $2 and project_external_id = any($3) and deleted_at is null",
            attempt.org.0,
            attempt.connection.0,
            projects
        );
        let rows = rows.fetch_all(&self.pool).await?.into_iter();
        Ok(rows
            .map(|row| {
                let version = VersionFacts { external_id: row.external_id, name: row.name, release_on: row.release_on };
                (row.project_external_id, version)
            })
            .collect())
    }

    /// At most `limit` versions after `after`, by external id.
    pub async fn integrity_versions(&self, attempt: &IntegrityAttempt, after: &str, limit: i64) -> Result<Vec<StoredVersion>, StoreError> {
        let rows = sqlx::query!(
            r#"select external_id, deleted_at is not null as "deleted!", start_on, release_on from versions
               where org_id = $1 and connection_id = $2 and external_id > $3 order by external_id limit $4"#,
            attempt.org.0,
            attempt.connection.0,
            after,
            limit
        );
        let rows = rows.fetch_all(&self.pool).await?.into_iter();
        Ok(rows
            .map(|row| StoredVersion {
                external_id: row.external_id,
                deleted: row.deleted,
                dates: VersionDates { start_on: row.start_on, release_on: row.release_on },
            })
            .collect())
    }

    /// At most `limit` sprints after `after`, by external id. Two of a board ran at the same time if both have begun and they overlap by
    /// more than a day: people close one and open the next in their own time.
    pub async fn integrity_sprints(&self, attempt: &IntegrityAttempt, after: &str, limit: i64) -> Result<Vec<StoredSprint>, StoreError> {
        let rows = sqlx::query!(
            r#"select s.external_id, s.deleted_at is not null as "deleted!", s.starts_at, s.ends_at, s.completed_at, (
                   select o.name from sprints o
                   where o.org_id = $1 and o.connection_id = $2 and o.board_external_id = s.board_external_id
                       and o.external_id <> s.external_id and o.deleted_at is null and s.state <> 'future' and o.state <> 'future'
                       and o.starts_at < coalesce(s.completed_at, s.ends_at) - interval '1 day'
                       and coalesce(o.completed_at, o.ends_at) > s.starts_at + interval '1 day'
                   order by o.starts_at, o.external_id limit 1
               ) as beside
               from sprints s
               where s.org_id = $1 and s.connection_id = $2 and s.external_id > $3 order by s.external_id limit $4"#,
            attempt.org.0,
            attempt.connection.0,
            after,
            limit
        );
        let rows = rows.fetch_all(&self.pool).await?.into_iter();
        Ok(rows
            .map(|row| StoredSprint {
                external_id: row.external_id,
                deleted: row.deleted,
                facts: SprintFacts { starts_at: row.starts_at, ends_at: row.ends_at, completed_at: row.completed_at, beside: row.beside },
            })
            .collect())
    }
}

impl TryFrom<ItemRow> for StoredItem {
    type Error = StoreError;

    fn try_from(row: ItemRow) -> Result<Self, StoreError> {
        let parent = match (row.parent_external_id, row.parent_key, row.parent_kind) {
            (None, ..) => Parent::None,
            (Some(_), Some(key), Some(kind)) => Parent::Known { key, kind: named(&kind)? },
            (Some(external_id), ..) => Parent::Unknown { external_id },
        };
        let facts = ItemFacts {
            kind: named(&row.kind)?,
            status: row.status,
            status_category: row.status_category.as_deref().map(named).transpose()?,
            resolution: row.resolution,
            parent,
            active_sprints: row.active_sprints,
            created_at: row.created_at,
            updated_at: row.updated_at,
            resolved_at: row.resolved_at,
        };
        Ok(Self {
            id: row.id,
            external_id: row.external_id,
            project_external_id: row.project_external_id,
            changed_at: row.changed_at,
            deleted: row.deleted,
            labels: row.labels,
            fix_version_external_ids: row.fix_version_external_ids,
            facts,
        })
    }
}

/// A value of a closed set by its name; the tables' checks hold columns to these.
fn named<T: DeserializeOwned>(name: &str) -> Result<T, StoreError> {
    let name: value::StrDeserializer<'_, serde_json::Error> = name.into_deserializer();
    Ok(T::deserialize(name)?)
}

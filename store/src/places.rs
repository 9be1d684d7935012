//! External ids within connections, that names in filters stand for. They are found before a list is asked for, and given to its query as
//! constants: a condition over joined tables could use no index of the list's own.

use ovia_domain::{OrgId, PersonId};
use uuid::Uuid;

use crate::{Store, StoreError, work_item_keys::KeyedItem};

/// External ids, each with its connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Places(Vec<(Uuid, String)>);

impl Places {
    /// The connections and, in the same order, the external ids.
    pub fn parts(places: Option<Self>) -> (Option<Vec<Uuid>>, Option<Vec<String>>) {
        places.map(|places| places.0.into_iter().unzip()).unzip()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn of_items(items: &[KeyedItem]) -> Self {
        Self(items.iter().map(|item| (item.connection_id.0, item.external_id.clone())).collect())
    }

    /// Those that are in both.
    pub fn both(self, other: &Self) -> Self {
        Self(self.0.into_iter().filter(|place| other.0.contains(place)).collect())
    }
}

impl Store {
    /// Projects of this full path or external id.
    pub(crate) async fn project_places(&self, org_id: OrgId, project: &str) -> Result<Places, StoreError> {
        let rows = sqlx::query!(
            "select connection_id, external_id from projects where org_id = $1 and (full_path = $2 or external_id = $2)",
            org_id.0,
            project
        );
        Ok(Places(rows.fetch_all(&self.pool).await?.into_iter().map(|row| (row.connection_id, row.external_id)).collect()))
    }

    /// Accounts of a person.
    pub(crate) async fn person_places(&self, org_id: OrgId, person: PersonId) -> Result<Places, StoreError> {
        let rows = sqlx::query!(
            r#"select i.connection_id, i.external_id
            from person_identity_links l join identities i on i.id = l.identity_id
            where l.org_id = $1 and l.person_id = $2 and l.status in ('auto', 'confirmed')"#,
            org_id.0,
            person.0
        );
        Ok(Places(rows.fetch_all(&self.pool).await?.into_iter().map(|row| (row.connection_id, row.external_id)).collect()))
    }

    /// The epic of this key, and what has it as its parent: whatever is part of the epic has one of these as its parent.
    pub(crate) async fn epic_places(&self, org_id: OrgId, key: &str) -> Result<Places, StoreError> {
        let mut places = Places::of_items(&self.work_items_by_keys(org_id, &[key.to_owned()]).await?);
        let (connections, epics): (Vec<Uuid>, Vec<String>) = places.0.iter().cloned().unzip();
        let below = sqlx::query!(
            r#"select w.connection_id, w.external_id
            from unnest($2::uuid[], $3::text[]) as k (connection_id, external_id)
            join work_items w on w.connection_id = k.connection_id and w.parent_external_id = k.external_id
            where w.org_id = $1 and w.deleted_at is null"#,
            org_id.0,
            &connections,
            &epics
        );
        places.0.extend(below.fetch_all(&self.pool).await?.into_iter().map(|row| (row.connection_id, row.external_id)));
        Ok(places)
    }

    /// Spaces of this key or external id.
    pub(crate) async fn space_places(&self, org_id: OrgId, space: &str) -> Result<Places, StoreError> {
        let rows = sqlx::query!(
            "select connection_id, external_id from spaces where org_id = $1 and (key = $2 or external_id = $2)",
            org_id.0,
            space
        );
        Ok(Places(rows.fetch_all(&self.pool).await?.into_iter().map(|row| (row.connection_id, row.external_id)).collect()))
    }

    /// Documents that mention the work item a key leads to.
    pub(crate) async fn mentioning_places(&self, org_id: OrgId, key: &str) -> Result<Places, StoreError> {
        let mut keys = vec![key.to_owned()];
        for item in self.work_items_by_keys(org_id, &[key.to_owned()]).await? {
            keys.extend(self.keys_of_item(org_id, &item).await?);
        }
        let rows = sqlx::query!(
            "select distinct connection_id, from_external_id from references_found
            where org_id = $1 and from_table = 'documents' and keys && $2 and deleted_at is null",
            org_id.0,
            &keys
        );
        Ok(Places(rows.fetch_all(&self.pool).await?.into_iter().map(|row| (row.connection_id, row.from_external_id)).collect()))
    }

    pub(crate) async fn version_place(&self, org_id: OrgId, id: i64) -> Result<Option<(Uuid, String)>, StoreError> {
        let row = sqlx::query!(
            "select connection_id, external_id from versions where org_id = $1 and id = $2 and deleted_at is null",
            org_id.0,
            id
        );
        Ok(row.fetch_optional(&self.pool).await?.map(|row| (row.connection_id, row.external_id)))
    }

    pub(crate) async fn sprint_place(&self, org_id: OrgId, id: i64) -> Result<Option<(Uuid, String)>, StoreError> {
        let row = sqlx::query!(
            "select connection_id, external_id from sprints where org_id = $1 and id = $2 and deleted_at is null",
            org_id.0,
            id
        );
        Ok(row.fetch_optional(&self.pool).await?.map(|row| (row.connection_id, row.external_id)))
    }
}

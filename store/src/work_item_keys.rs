//! Work items by their keys, also by those they had before: an item keeps its id when it moves to another project, and all items of a
//! project get new keys when the project does. Texts that mention them keep the old ones.

use ovia_domain::{ConnectionId, OrgId};

use crate::{Store, StoreError};

/// A work item that a key leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyedItem {
    /// The key that was asked for.
    pub asked: String,
    pub id: i64,
    pub connection_id: ConnectionId,
    pub external_id: String,
    /// As it is now.
    pub key: String,
    pub project_external_id: String,
    pub title: String,
    pub kind: String,
    pub status_category: Option<String>,
}

impl Store {
    /// The work items that `keys` lead to, by the keys asked for: of each connection at most one for each key. A key that an item has goes
    /// before one that it had.
    pub async fn work_items_by_keys(&self, org_id: OrgId, keys: &[String]) -> Result<Vec<KeyedItem>, StoreError> {
        let rows = sqlx::query_file_as!(KeyedItem, "src/work_items_by_keys.sql", org_id.0, keys);
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// All keys that lead to `item`.
    pub(crate) async fn keys_of_item(&self, org_id: OrgId, item: &KeyedItem) -> Result<Vec<String>, StoreError> {
        let keys = sqlx::query_scalar!(
            r#"with own as (
                select $4::text as key
                union
                select from_text from work_item_changes
                where org_id = $1 and connection_id = $2 and work_item_external_id = $3 and field = 'Key' and from_text is not null
                    and deleted_at is null
            )
            select key as "key!" from own
            union
            select former.key || substr(own.key, position('-' in own.key))
            from own
            join projects p on p.org_id = $1 and p.connection_id = $2 and p.key = split_part(own.key, '-', 1)
            cross join unnest(p.former_keys) as former (key)"#,
            org_id.0,
            item.connection_id.0,
            item.external_id,
            item.key
        );
        Ok(keys.fetch_all(&self.pool).await?)
    }
}

//! Reading what happened to a work item, the work logged on it, and what it is linked to.

use chrono::{DateTime, Utc};
use ovia_domain::OrgId;

use crate::{PageOf, PageToken, Store, StoreError, accounts::AccountRow, page::CursorTime, work_item_keys::KeyedItem};

const LIST: &str = "work_item_changes";
const WORKLOGS: &str = "worklogs";
/// Links shown of a work item.
const LINKS_MAX: i64 = 200;

/// One field of one change.
#[derive(Clone, Debug)]
pub struct ChangeRow {
    pub id: i64,
    pub external_id: String,
    pub created_at: DateTime<Utc>,
    pub author_external_id: Option<String>,
    pub field: String,
    pub from_value: Option<String>,
    pub from_text: Option<String>,
    pub to_value: Option<String>,
    pub to_text: Option<String>,
}

/// A change and who made it.
#[derive(Clone, Debug)]
pub struct ChangeListed {
    pub change: ChangeRow,
    pub author: Option<AccountRow>,
}

/// Work that was logged.
#[derive(Clone, Debug)]
pub struct WorklogRow {
    pub id: i64,
    pub external_id: String,
    pub started_at: DateTime<Utc>,
    pub seconds: i64,
    pub author_external_id: Option<String>,
}

/// Logged work and who did it.
#[derive(Clone, Debug)]
pub struct WorklogListed {
    pub worklog: WorklogRow,
    pub author: Option<AccountRow>,
}

/// A link to another work item.
#[derive(Clone, Debug)]
pub struct LinkRow {
    /// What the link says of the end it begins at, as `blocks`.
    pub link_type: String,
    /// It begins at the item asked for.
    pub outward: bool,
    pub external_id: String,
    /// `None` until the other item has been seen.
    pub id: Option<i64>,
    pub key: Option<String>,
    pub title: Option<String>,
    pub kind: Option<String>,
    pub status_category: Option<String>,
}

impl Store {
    /// What was changed in `item`, newest first.
    pub async fn work_item_changes_list(
        &self,
        org_id: OrgId,
        item: &KeyedItem,
        page: &PageToken,
    ) -> Result<PageOf<ChangeListed>, StoreError> {
        let key: Option<(CursorTime, i64)> = page.key(LIST)?;
        let rows = sqlx::query_as!(
            ChangeRow,
            "select id, external_id, created_at, author_external_id, field, from_value, from_text, to_value, to_text
            from work_item_changes
            where org_id = $1 and connection_id = $2 and work_item_external_id = $3 and deleted_at is null
                and ($4::timestamptz is null or (created_at, id) < ($4, $5::bigint))
            order by created_at desc, id desc limit $6",
            org_id.0,
            item.connection_id.0,
            item.external_id,
            key.map(|key| key.0.0),
            key.map(|key| key.1),
            page.fetch()
        );
        let rows = page.page(LIST, rows.fetch_all(&self.pool).await?, |row| (CursorTime(row.created_at), row.id))?;
        let named = rows.items.iter().map(|row| (item.connection_id, row.author_external_id.as_ref()));
        let accounts = self.accounts_named(org_id, named).await?;
        let listed =
            |change: ChangeRow| ChangeListed { author: accounts.of(item.connection_id, change.author_external_id.as_ref()), change };
        Ok(PageOf { items: rows.items.into_iter().map(listed).collect(), next_cursor: rows.next_cursor })
    }

    /// Work logged on `item`, that begun last first.
    pub async fn worklogs_list(&self, org_id: OrgId, item: &KeyedItem, page: &PageToken) -> Result<PageOf<WorklogListed>, StoreError> {
        let key: Option<(CursorTime, i64)> = page.key(WORKLOGS)?;
        let rows = sqlx::query_as!(
            WorklogRow,
            "select id, external_id, started_at, seconds, author_external_id from worklogs
            where org_id = $1 and connection_id = $2 and work_item_external_id = $3 and deleted_at is null
                and ($4::timestamptz is null or (started_at, id) < ($4, $5::bigint))
            order by started_at desc, id desc limit $6",
            org_id.0,
            item.connection_id.0,
            item.external_id,
            key.map(|key| key.0.0),
            key.map(|key| key.1),
            page.fetch()
        );
        let rows = page.page(WORKLOGS, rows.fetch_all(&self.pool).await?, |row| (CursorTime(row.started_at), row.id))?;
        let named = rows.items.iter().map(|row| (item.connection_id, row.author_external_id.as_ref()));
        let accounts = self.accounts_named(org_id, named).await?;
        let listed =
            |worklog: WorklogRow| WorklogListed { author: accounts.of(item.connection_id, worklog.author_external_id.as_ref()), worklog };
        Ok(PageOf { items: rows.items.into_iter().map(listed).collect(), next_cursor: rows.next_cursor })
    }

    /// Seconds of all work logged on `item`.
    pub async fn worklogs_seconds(&self, org_id: OrgId, item: &KeyedItem) -> Result<i64, StoreError> {
        let sum = sqlx::query_scalar!(
            r#"select coalesce(sum(seconds), 0)::bigint as "sum!" from worklogs
               where org_id = $1 and connection_id = $2 and work_item_external_id = $3 and deleted_at is null"#,
            org_id.0,
            item.connection_id.0,
            item.external_id,
        );
        Ok(sum.fetch_one(&self.pool).await?)
    }

    /// Links of `item`, at most 200, in the order of their types.
    pub async fn work_item_links(&self, org_id: OrgId, item: &KeyedItem) -> Result<Vec<LinkRow>, StoreError> {
        let rows = sqlx::query_as!(
            LinkRow,
            r#"select l.link_type as "link_type!", l.outward as "outward!", l.other as "external_id!",
                w.id as "id?", w.key as "key?", w.title as "title?", w.kind as "kind?", w.status_category
            from (
                select id, link_type, true as outward, to_external_id as other from work_item_links
                where org_id = $1 and connection_id = $2 and from_external_id = $3 and deleted_at is null
                union all
                select id, link_type, false, from_external_id from work_item_links
                where org_id = $1 and connection_id = $2 and to_external_id = $3 and deleted_at is null
            ) l
            left join work_items w on w.connection_id = $2 and w.external_id = l.other and w.deleted_at is null
            order by l.link_type, l.outward desc, l.id limit $4"#,
            org_id.0,
            item.connection_id.0,
            item.external_id,
            LINKS_MAX
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }
}

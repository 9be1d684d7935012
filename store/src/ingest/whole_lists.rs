//! Rows that a work item no longer has: a list they were on was read whole.

use chrono::{DateTime, Utc};
use ovia_domain::{ListKind, WholeList};
use serde_json::json;
use sqlx::PgConnection;

use super::commit::{Scope, WholeLists};
use crate::StoreError;

/// Marks what the lists do not name as deleted.
pub(super) async fn whole_lists_settle(tx: &mut PgConnection, scope: Scope, whole: WholeLists<'_>) -> Result<(), StoreError> {
    let (links, worklogs): (Vec<&WholeList>, _) = whole.lists.iter().partition(|list| list.kind == ListKind::Links);
    if !links.is_empty() {
        links_settle(tx, scope, &links, whole.read_at).await?;
    }
    if !worklogs.is_empty() {
        worklogs_settle(tx, scope, &worklogs, whole.read_at).await?;
    }
    Ok(())
}

async fn links_settle(tx: &mut PgConnection, scope: Scope, lists: &[&WholeList], read_at: Option<DateTime<Utc>>) -> Result<(), StoreError> {
    sqlx::query!(
        r#"update work_item_links set deleted_at = now(), changed_at = now()
           where id in (
               select l.id from json_to_recordset($3::json) as r (work_item text, external_ids text[])
               cross join lateral (
                   select id, external_id from work_item_links where connection_id = $2 and from_external_id = r.work_item
                   union all
                   select id, external_id from work_item_links where connection_id = $2 and to_external_id = r.work_item
               ) l
               where l.external_id <> all(r.external_ids)
           ) and org_id = $1 and deleted_at is null and ($4::timestamptz is null or changed_at <= $4)"#,
        scope.org.0,
        scope.connection.0,
        rows(lists),
        read_at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// With what was stored of them, so that a replay does not bring them back.
async fn worklogs_settle(
    tx: &mut PgConnection,
    scope: Scope,
    lists: &[&WholeList],
    read_at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let gone = sqlx::query_scalar!(
        r#"update worklogs w set deleted_at = now(), changed_at = now()
           from json_to_recordset($3::json) as r (work_item text, external_ids text[])
           where w.org_id = $1 and w.connection_id = $2 and w.work_item_external_id = r.work_item and w.deleted_at is null
               and w.external_id <> all(r.external_ids) and ($4::timestamptz is null or w.changed_at <= $4)
           returning w.external_id"#,
        scope.org.0,
        scope.connection.0,
        rows(lists),
        read_at,
    )
    .fetch_all(&mut *tx)
    .await?;
    if gone.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"update raw_records set deleted_at = now(), deletion = 'deleted'
           where org_id = $1 and connection_id = $2 and stream = 'worklogs' and external_id = any($3) and deleted_at is null"#,
        scope.org.0,
        scope.connection.0,
        &gone,
    )
    .execute(tx)
    .await?;
    Ok(())
}

fn rows(lists: &[&WholeList]) -> serde_json::Value {
    lists.iter().map(|list| json!({"work_item": list.work_item, "external_ids": list.external_ids})).collect()
}

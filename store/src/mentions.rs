//! Which merge requests, commits and documents mention which work items, read from either end.
//!
//! What was found is keys in texts, and keys are names: which item one leads to is looked up when it is asked for. So a text may come before
//! the item it mentions, of another source, and go on meaning it when the item moves.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId};
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError, work_item_keys::KeyedItem};

const LIST: &str = "mentions";
/// Keys shown of one thing.
const KEYS_MAX: i64 = 100;

/// One place of one thing, where a work item is mentioned. Columns begin with what they are of: a merge request, a commit of one, a document.
#[derive(Clone, Debug)]
pub struct MentionRow {
    pub id: i64,
    pub connection_id: ConnectionId,
    pub source: String,
    /// `title`, `branch`, `description`, `commit`, `body`.
    pub place: String,
    /// As it is written there.
    pub key: String,
    pub mr_id: Option<i64>,
    pub mr_external_id: Option<String>,
    pub mr_project: Option<String>,
    pub mr_number: Option<i64>,
    pub mr_title: Option<String>,
    pub mr_state: Option<String>,
    pub mr_created_at: Option<DateTime<Utc>>,
    pub mr_merged_at: Option<DateTime<Utc>>,
    pub mr_url: Option<String>,
    pub commit_sha: Option<String>,
    pub commit_title: Option<String>,
    pub commit_author_name: Option<String>,
    pub commit_authored_at: Option<DateTime<Utc>>,
    pub document_id: Option<i64>,
    pub document_external_id: Option<String>,
    pub document_title: Option<String>,
    pub document_status: Option<String>,
    pub document_url: Option<String>,
}

/// What mentions work items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mentioning {
    /// With their commits.
    MergeRequests,
    Documents,
}

/// A key found in one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct MentionedRow {
    /// As it is written there.
    pub key: String,
    /// In the order of the alphabet.
    pub places: Vec<String>,
    /// The work items it leads to: one of each connection that has such a key.
    pub items: Vec<KeyedItem>,
}

/// What each of some things mentions.
#[derive(Debug, Default)]
pub struct Mentioned(HashMap<(Uuid, String), Vec<MentionedRow>>);

impl Mentioned {
    /// What one thing mentions, in the order of keys.
    pub fn of(&self, connection: ConnectionId, external_id: &str) -> &[MentionedRow] {
        self.0.get(&(connection.0, external_id.to_owned())).map_or(&[], Vec::as_slice)
    }
}

impl Mentioning {
    fn table(self) -> &'static str {
        match self {
            Self::MergeRequests => "merge_requests",
            Self::Documents => "documents",
        }
    }
}

impl Store {
    /// Where `item` is mentioned, by any key it has or had; what was found last comes first. What is in the trash mentions nothing.
    pub async fn mentions_list(&self, org_id: OrgId, item: &KeyedItem, page: &PageToken) -> Result<PageOf<MentionRow>, StoreError> {
        let after: Option<i64> = page.key(LIST)?;
        let keys = self.keys_of_item(org_id, item).await?;
        let rows = sqlx::query_file_as!(MentionRow, "src/mentions_list.sql", org_id.0, &keys, after, page.fetch());
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| row.id)
    }

    /// What some things mention: at most 100 keys of each.
    pub async fn mentioned_in(
        &self,
        org_id: OrgId,
        what: Mentioning,
        things: impl Iterator<Item = (ConnectionId, &str)>,
    ) -> Result<Mentioned, StoreError> {
        let (connections, ids): (Vec<Uuid>, Vec<String>) = things.map(|(connection, id)| (connection.0, id.to_owned())).unzip();
        let rows = sqlx::query!(
            r#"select t.connection_id as "connection_id!", t.external_id as "external_id!", f.key as "key!", f.places as "places!"
            from unnest($2::uuid[], $3::text[]) as t (connection_id, external_id)
            cross join lateral (
                select k.key, array_agg(distinct r.place order by r.place) as places
                from references_found r
                cross join unnest(r.keys) as k (key)
                where r.org_id = $1 and r.connection_id = t.connection_id and r.from_table = $4 and r.from_external_id = t.external_id
                    and r.deleted_at is null
                group by k.key order by k.key limit $5
            ) f"#,
            org_id.0,
            &connections,
            &ids,
            what.table(),
            KEYS_MAX
        );
        let rows = rows.fetch_all(&self.pool).await?;
        let mut keys: Vec<String> = rows.iter().map(|row| row.key.clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut items: HashMap<String, Vec<KeyedItem>> = HashMap::new();
        for item in self.work_items_by_keys(org_id, &keys).await? {
            items.entry(item.asked.clone()).or_default().push(item);
        }
        let mut mentioned = Mentioned::default();
        for row in rows {
            let found = items.get(&row.key).cloned().unwrap_or_default();
            let of = mentioned.0.entry((row.connection_id, row.external_id)).or_default();
            of.push(MentionedRow { key: row.key, places: row.places, items: found });
        }
        Ok(mentioned)
    }
}

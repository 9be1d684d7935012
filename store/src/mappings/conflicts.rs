//! The queue: accounts about which somebody has to decide, each side with what it is made of.

use std::collections::HashMap;

use ovia_domain::OrgId;
use serde_json::Value;
use uuid::Uuid;

use super::MappingRow;
use crate::{PageOf, PageToken, Store, StoreError, page::CursorTime};

const LIST: &str = "identity_conflicts";

/// An account in conflict, oldest question first.
#[derive(Clone, Debug)]
pub struct ConflictRow {
    pub account: MappingRow,
    /// Other accounts that are linked to its own person, if any.
    pub own: Vec<MappingRow>,
    /// Best first.
    pub candidates: Vec<ConflictCandidate>,
}

/// Who it could be.
#[derive(Clone, Debug)]
pub struct ConflictCandidate {
    /// The account that raised the question, with its person.
    pub account: MappingRow,
    /// Every other account of that person.
    pub others: Vec<MappingRow>,
    /// 0 to 1: how likely they are one person.
    pub confidence: f64,
    /// Evidence for and against, `[{"rule","family","detail","with","log_odds"}]`.
    pub trace: Value,
}

impl Store {
    /// Accounts in conflict, longest asked first. `source` is the kind of the account's source.
    pub async fn conflicts_list(&self, org: OrgId, source: Option<&str>, page: &PageToken) -> Result<PageOf<ConflictRow>, StoreError> {
        let key: Option<(CursorTime, Uuid)> = page.key(LIST)?;
        let (since, id) = key.map(|(since, id)| (since.0, id)).unzip();
        let sql = super::select!(
            "and l.status = 'conflict' and i.deleted_at is null and ($2::text is null or i.source = $2)
            and ($3::timestamptz is null or (l.conflict_since, l.identity_id) > ($3, $4::uuid))
            order by l.conflict_since, l.identity_id limit $5"
        );
        let query = sqlx::query_as::<_, MappingRow>(sql).bind(org.0).bind(source).bind(since).bind(id).bind(page.fetch());
        let rows = query.fetch_all(&self.pool).await?;
        let page = page.page(LIST, rows, |row| (CursorTime(row.conflict_since.unwrap_or(row.since)), row.identity_id))?;
        Ok(PageOf { items: self.conflicts_fill(org, page.items).await?, next_cursor: page.next_cursor })
    }

    async fn conflicts_fill(&self, org: OrgId, accounts: Vec<MappingRow>) -> Result<Vec<ConflictRow>, StoreError> {
        let named: Vec<Uuid> =
            accounts.iter().flat_map(|account| account.candidates.iter().map(|candidate| candidate.identity)).collect();
        let named = self.mappings_of_accounts(org, &named).await?;
        let people: Vec<Uuid> = named.iter().chain(&accounts).map(|row| row.person_id).collect();
        let mut members: HashMap<Uuid, Vec<MappingRow>> = HashMap::new();
        for row in self.mappings_of_people(org, &people).await? {
            members.entry(row.person_id).or_default().push(row);
        }
        let named: HashMap<Uuid, MappingRow> = named.into_iter().map(|row| (row.identity_id, row)).collect();
        let others = |of: &MappingRow| -> Vec<MappingRow> {
            let members = members.get(&of.person_id).map_or(&[] as &[MappingRow], Vec::as_slice);
            members.iter().filter(|member| member.identity_id != of.identity_id).cloned().collect()
        };
        let filled = accounts.into_iter().map(|account| {
            let candidates = account.candidates.iter().filter_map(|candidate| {
                let other = named.get(&candidate.identity)?;
                Some(ConflictCandidate {
                    account: other.clone(),
                    others: others(other),
                    confidence: candidate.confidence,
                    trace: candidate.trace.clone(),
                })
            });
            ConflictRow { candidates: candidates.collect(), own: others(&account), account }
        });
        Ok(filled.collect())
    }
}

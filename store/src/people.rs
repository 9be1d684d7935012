//! Reading people: who is who, with the accounts each is made of.

use chrono::{DateTime, Utc};
use ovia_domain::{OrgId, PersonId};
use serde::Deserialize;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError, page::contains_pattern};

const LIST: &str = "people";

/// One person (or one bot) and the accounts linked to them.
#[derive(Clone, Debug)]
pub struct PersonRow {
    pub id: PersonId,
    pub display_name: String,
    pub primary_email: Option<String>,
    pub is_bot: bool,
    /// Raised whenever an account comes, goes or changes its status.
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Links that hold (`auto`, `confirmed`), ordered by source and external id.
    pub identities: Json<Vec<PersonIdentityRow>>,
}

/// One account of a person and why it is theirs.
#[derive(Clone, Debug, Deserialize)]
pub struct PersonIdentityRow {
    pub id: Uuid,
    pub connection_id: Uuid,
    pub source: String,
    pub external_id: String,
    pub username: Option<String>,
    pub display_name: Option<String>,
    pub email: Option<String>,
    pub url: Option<String>,
    /// `auto` or `confirmed`.
    pub status: String,
    /// 0 to 1.
    pub confidence: f64,
    pub rule: String,
    /// Evidence, `[{"rule","family","detail","with","log_odds"}]`.
    pub trace: Value,
}

/// Which people to list.
#[derive(Clone, Debug, Default)]
pub struct PersonFilter {
    /// Found in a name, e-mail or user name.
    pub q: Option<String>,
    pub bot: Option<bool>,
}

impl Store {
    /// People by name.
    pub async fn people_list(&self, org_id: OrgId, filter: &PersonFilter, page: &PageToken) -> Result<PageOf<PersonRow>, StoreError> {
        let key: Option<(String, Uuid)> = page.key(LIST)?;
        let (name, id) = key.unzip();
        let rows = sqlx::query_file_as!(
            PersonRow,
            "src/people_list.sql",
            org_id.0,
            filter.q.as_deref().map(contains_pattern),
            filter.bot,
            name,
            id,
            page.fetch()
        );
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| (row.display_name.clone(), row.id))
    }
}

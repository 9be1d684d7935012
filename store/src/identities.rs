//! Reading identities: accounts as the sources know them, with the person each is linked to.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, IdentityId, OrgId, PersonId};
use serde_json::Value;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError, page::contains_pattern};

const LIST: &str = "identities";

/// One account and its link. The link columns are all `None` until matching has seen the account.
#[derive(Clone, Debug)]
pub struct IdentityRow {
    pub id: IdentityId,
    pub connection_id: ConnectionId,
    pub source: String,
    pub external_id: String,
    pub username: Option<String>,
    pub display_name: Option<String>,
    pub email: Option<String>,
    pub is_bot: Option<bool>,
    pub bot_reason: Option<String>,
    pub state: Option<String>,
    pub url: Option<String>,
    pub source_created_at: Option<DateTime<Utc>>,
    pub link_status: Option<String>,
    pub link_confidence: Option<f64>,
    pub link_rule: Option<String>,
    pub link_trace: Option<Value>,
    pub link_rule_set_version: Option<i32>,
    /// Only of links that hold (`auto`, `confirmed`).
    pub person_id: Option<Uuid>,
    pub person_name: Option<String>,
}

/// Which identities to list.
#[derive(Clone, Debug, Default)]
pub struct IdentityFilter {
    /// Found in a name, user name or e-mail.
    pub q: Option<String>,
    pub bot: Option<bool>,
    /// The source's state, as `active`.
    pub state: Option<String>,
    pub connection_id: Option<ConnectionId>,
    pub person_id: Option<PersonId>,
    /// Whether a link holds.
    pub linked: Option<bool>,
    /// Of the current link: `auto`, `conflict`, `confirmed`.
    pub link_status: Option<String>,
}

impl Store {
    /// Identities, in no meaningful but a stable order.
    pub async fn identities_list(
        &self,
        org_id: OrgId,
        filter: &IdentityFilter,
        page: &PageToken,
    ) -> Result<PageOf<IdentityRow>, StoreError> {
        let after: Option<Uuid> = page.key(LIST)?;
        let rows = sqlx::query_file_as!(
            IdentityRow,
            "src/identities_list.sql",
            org_id.0,
            filter.q.as_deref().map(contains_pattern),
            filter.bot,
            filter.state,
            filter.connection_id.map(|id| id.0),
            filter.person_id.map(|id| id.0),
            filter.linked,
            filter.link_status,
            after,
            page.fetch()
        );
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| row.id)
    }
}

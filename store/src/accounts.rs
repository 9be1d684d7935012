//! Who wrote, reported or owns something: accounts by what the source calls them, for the rows of one page at a time.

use std::collections::HashMap;

use ovia_domain::{ConnectionId, OrgId};
use uuid::Uuid;

use crate::{Store, StoreError};

/// An account, as far as it is known, and the person behind it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountRow {
    pub external_id: String,
    pub identity_id: Option<Uuid>,
    pub username: Option<String>,
    pub display_name: Option<String>,
    pub is_bot: Option<bool>,
    /// Only of links that hold (`auto`, `confirmed`).
    pub person_id: Option<Uuid>,
    pub person_name: Option<String>,
}

/// Accounts that some rows name.
#[derive(Debug, Default)]
pub(crate) struct Accounts(HashMap<(Uuid, String), AccountRow>);

impl Accounts {
    /// The account a row of `connection` names. One that has not been seen is known by its external id alone.
    pub fn of(&self, connection: ConnectionId, external_id: Option<&String>) -> Option<AccountRow> {
        let external_id = external_id?;
        let known = self.0.get(&(connection.0, external_id.clone()));
        Some(known.cloned().unwrap_or_else(|| AccountRow { external_id: external_id.clone(), ..AccountRow::default() }))
    }
}

impl Store {
    /// The accounts that are named: by their connection and their external id there.
    pub(crate) async fn accounts_named<'a>(
        &self,
        org_id: OrgId,
        named: impl Iterator<Item = (ConnectionId, Option<&'a String>)>,
    ) -> Result<Accounts, StoreError> {
        let named: std::collections::HashSet<(Uuid, &String)> =
            named.filter_map(|(connection, external_id)| Some((connection.0, external_id?))).collect();
        let (connections, external_ids): (Vec<Uuid>, Vec<String>) =
            named.into_iter().map(|(connection, external_id)| (connection, external_id.clone())).unzip();
        let rows = sqlx::query!(
            r#"select i.connection_id, i.external_id, i.id, i.username, i.display_name, i.is_bot,
                p.id as "person_id?", p.display_name as "person_name?"
            from unnest($2::uuid[], $3::text[]) as k (connection_id, external_id)
            join identities i on i.connection_id = k.connection_id and i.external_id = k.external_id and i.org_id = $1
            left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'confirmed')
            left join people p on p.id = l.person_id"#,
            org_id.0,
            &connections,
            &external_ids
        );
        let rows = rows.fetch_all(&self.pool).await?.into_iter().map(|row| {
            let account = AccountRow {
                external_id: row.external_id.clone(),
                identity_id: Some(row.id),
                username: row.username,
                display_name: row.display_name,
                is_bot: row.is_bot,
                person_id: row.person_id,
                person_name: row.person_name,
            };
            ((row.connection_id, row.external_id), account)
        });
        Ok(Accounts(rows.collect()))
    }
}

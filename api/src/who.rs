//! Accounts as other resources show them: who wrote, started or deployed something.

use ovia_store::accounts::AccountRow;
use poem_openapi::Object;
use uuid::Uuid;

/// An account in a source and, once matched, the person behind it.
#[derive(Object)]
#[oai(rename = "Account")]
pub(crate) struct WhoOut {
    /// The account's id in its source.
    pub external_id: String,
    /// The account, if it has been seen: see GET /identities.
    pub identity_id: Option<Uuid>,
    pub username: Option<String>,
    pub display_name: Option<String>,
    /// Null when nothing says.
    pub is_bot: Option<bool>,
    pub person_id: Option<Uuid>,
    pub person_name: Option<String>,
}

impl From<AccountRow> for WhoOut {
    fn from(row: AccountRow) -> Self {
        Self {
            external_id: row.external_id,
            identity_id: row.identity_id,
            username: row.username,
            display_name: row.display_name,
            is_bot: row.is_bot,
            person_id: row.person_id,
            person_name: row.person_name,
        }
    }
}

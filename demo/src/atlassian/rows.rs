//! Rows both sites share: accounts, groups, memberships.

use serde::Serialize;

use super::accounts::Directory;
use crate::truth::Table;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountRow {
    pub display_name: String,
    pub email: Option<String>,
    pub is_bot: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountGroupRow {
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountMembershipRow {
    pub scope: String,
    pub identity_external_id: String,
}

pub(crate) fn directory_identities(directory: &Directory) -> Table<AccountRow> {
    let row =
        |one: &super::accounts::Account| AccountRow { display_name: one.name.clone(), email: one.email.clone(), is_bot: one.is_app() };
    directory.accounts.iter().map(|one| (one.id.clone(), row(one))).collect()
}

pub(crate) fn directory_groups(directory: &Directory) -> Table<AccountGroupRow> {
    directory.groups.iter().map(|one| (one.id.clone(), AccountGroupRow { name: one.name.to_owned() })).collect()
}

/// `group:{group}:{account}`; inactive accounts are members all the same.
pub(crate) fn directory_memberships(directory: &Directory) -> Table<AccountMembershipRow> {
    let mut table = Table::new();
    for group in &directory.groups {
        for member in &group.members {
            let (scope, account) = (format!("group:{}", group.id), directory.accounts[*member].id.clone());
            table.insert(format!("{scope}:{account}"), AccountMembershipRow { scope, identity_external_id: account });
        }
    }
    table
}

/// Keys of work items found in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReferencesRow {
    pub from_table: String,
    pub from_external_id: String,
    pub place: String,
    pub keys: Vec<String>,
}

/// The row with its external id, if there are keys.
pub(crate) fn references(table: &str, id: &str, place: &str, keys: Vec<String>) -> Option<(String, ReferencesRow)> {
    let row = ReferencesRow { from_table: table.to_owned(), from_external_id: id.to_owned(), place: place.to_owned(), keys };
    (!row.keys.is_empty()).then(|| (format!("{table}:{id}:{place}"), row))
}

//! Who is who over all three systems.

use serde::Serialize;

use crate::company::Company;

/// One human and all their accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonAcross {
    /// As GitLab shows the first account.
    pub display_name: String,
    pub gitlab: Vec<String>,
    /// The account in Jira and Confluence alike.
    pub atlassian: Option<String>,
}

impl Company {
    /// Every human with their accounts in GitLab and on the Atlassian site.
    pub fn people_across(&self) -> Vec<PersonAcross> {
        let accounts = &self.sites.directory.accounts;
        let across = |(index, person): (usize, &crate::company::model::Person)| PersonAcross {
            display_name: person.users.first().and_then(|id| self.user(*id)).map(|user| user.name.clone()).unwrap_or_default(),
            gitlab: person.users.iter().map(u64::to_string).collect(),
            atlassian: accounts.iter().find(|account| account.person == Some(index)).map(|account| account.id.clone()),
        };
        self.persons.iter().enumerate().map(across).collect()
    }

    /// Account ids on the Atlassian site that are no human's: apps.
    pub fn atlassian_apps(&self) -> Vec<String> {
        self.sites.directory.accounts.iter().filter(|one| one.is_app()).map(|one| one.id.clone()).collect()
    }
}

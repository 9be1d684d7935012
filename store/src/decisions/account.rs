//! Accounts and people as a decision finds them.

use ovia_domain::{IdentityId, OrgId, PersonId};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{AccountSeen, DecisionError, PersonSeen, Stale, read::decision_behind_account_in_txn};
use crate::{
    StoreError,
    links::{LinkCandidate, LinkStatus},
};

/// An account and its current link.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub id: Uuid,
    pub person: Option<Uuid>,
    status: Option<String>,
    pub confidence: Option<f64>,
    pub rule: Option<String>,
    candidates: Option<Json<Vec<LinkCandidate>>>,
    /// The link's; 0 if it has none.
    pub version: i64,
    /// By which the link was confirmed.
    pub decision_id: Option<i64>,
    /// What a person made of it alone would be called.
    pub name: String,
    pub email: Option<String>,
    pub is_bot: bool,
}

impl Account {
    pub fn status(&self) -> Option<LinkStatus> {
        self.status.as_deref().and_then(LinkStatus::parse)
    }

    pub fn is(&self, status: LinkStatus) -> bool {
        self.status() == Some(status)
    }

    /// Whether it counts for its person.
    pub fn counts(&self) -> bool {
        self.status().is_some_and(LinkStatus::counts)
    }

    /// Who else it could be, best first; empty unless it is in conflict.
    pub fn candidates(&self) -> &[LinkCandidate] {
        self.candidates.as_ref().map_or(&[], |candidates| &candidates.0)
    }
}

/// A person as a decision finds it.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub id: Uuid,
    pub display_name: String,
    pub version: i64,
    pub is_retired: bool,
    pub merged_into: Option<Uuid>,
}

/// Live accounts with these ids, in the order of their ids.
pub(super) async fn accounts_in_txn(tx: &mut PgConnection, org: OrgId, ids: &[Uuid]) -> Result<Vec<Account>, StoreError> {
    let rows = sqlx::query_file_as!(Account, "src/decisions/accounts.sql", org.0, ids, None::<&[Uuid]>);
    Ok(rows.fetch_all(tx).await?)
}

/// Every account whose current link names the person, also those gone at the source, in the order of their ids.
pub(super) async fn accounts_of_in_txn(tx: &mut PgConnection, org: OrgId, person: Uuid) -> Result<Vec<Account>, StoreError> {
    accounts_of_people_in_txn(tx, org, &[person]).await
}

/// The same of several people at once.
pub(super) async fn accounts_of_people_in_txn(tx: &mut PgConnection, org: OrgId, people: &[Uuid]) -> Result<Vec<Account>, StoreError> {
    let rows = sqlx::query_file_as!(Account, "src/decisions/accounts.sql", org.0, &[] as &[Uuid], Some(people));
    Ok(rows.fetch_all(tx).await?)
}

/// The account, if it is as it was seen.
pub(super) async fn account_seen_in_txn(tx: &mut PgConnection, org: OrgId, seen: AccountSeen) -> Result<Account, DecisionError> {
    let found = accounts_in_txn(tx, org, &[seen.identity.0]).await?.pop();
    let account = found.ok_or_else(|| DecisionError::no_account(seen.identity))?;
    match seen.expected_version {
        Some(expected) if expected != account.version => {
            let last_decision = decision_behind_account_in_txn(tx, org, account.id).await?;
            Err(DecisionError::Stale(Box::new(Stale {
                what: "account",
                id: account.id,
                expected,
                version: account.version,
                status: account.status.clone(),
                person_id: account.person,
                last_decision,
            })))
        }
        _ => Ok(account),
    }
}

/// The person, if it is as it was seen and not retired.
pub(super) async fn person_seen_in_txn(tx: &mut PgConnection, org: OrgId, seen: PersonSeen) -> Result<Person, DecisionError> {
    let found = sqlx::query_as!(
        Person,
        r#"select id, display_name, version, retired_at is not null as "is_retired!", merged_into from people where org_id = $1 and id = $2"#,
        org.0,
        seen.person.0
    );
    let person = found.fetch_optional(&mut *tx).await?.ok_or_else(|| DecisionError::no_person(seen.person))?;
    if let Some(expected) = seen.expected_version.filter(|expected| *expected != person.version) {
        let last_decision = super::read::decision_behind_person_in_txn(tx, org, person.id).await?;
        return Err(DecisionError::Stale(Box::new(Stale {
            what: "person",
            id: person.id,
            expected,
            version: person.version,
            status: None,
            person_id: Some(person.id),
            last_decision,
        })));
    }
    if person.is_retired {
        let message = format!("Person {} ({}) has no accounts any more.", person.display_name, person.id);
        let hint = match person.merged_into {
            Some(into) => format!("It was merged into {into}: use that one."),
            None => "Look up who has its accounts now.".to_owned(),
        };
        return Err(DecisionError::refused(message, hint));
    }
    Ok(person)
}

pub(super) fn identity(id: Uuid) -> IdentityId {
    IdentityId(id)
}

pub(super) fn person(id: Uuid) -> PersonId {
    PersonId(id)
}

//! Two accounts, or two people, are never one.

use ovia_domain::OrgId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    DecisionError, Side,
    account::{Account, account_seen_in_txn, accounts_of_in_txn, person_seen_in_txn},
    plan::{Deciding, ids},
};
use crate::links::LinkStatus;

pub(super) async fn never(deciding: &mut Deciding<'_>, one: Side, other: Side) -> Result<(), DecisionError> {
    match (&one, &other) {
        (Side::Account(one), Side::Account(other)) if one.identity == other.identity => {
            return Err(DecisionError::Invalid { field: "identities", message: "it is the same account twice".into() });
        }
        (Side::Person(one), Side::Person(other)) if one.person == other.person => {
            return Err(DecisionError::Invalid { field: "people", message: "it is the same person twice".into() });
        }
        _ => {}
    }
    let ones = accounts(deciding, one).await?;
    let others = accounts(deciding, other).await?;
    let same = |a: &Account, b: &Account| a.id == b.id || a.person.is_some() && a.person == b.person;
    if ones.iter().any(|a| others.iter().any(|b| same(a, b))) {
        return Err(DecisionError::refused(
            "They are one person at present.",
            "Split the person: that also says that the parts are never together.",
        ));
    }
    if ones.is_empty() || others.is_empty() {
        return Err(DecisionError::refused("One of the two has no accounts.", "There is nothing that rules could bring together."));
    }
    deciding.never(&ids(&ones), &ids(&others))?;
    for (account, opposite) in sides(&ones, &others) {
        deciding.concerns_person(account.person);
        refuse(deciding, account, opposite).await?;
    }
    Ok(())
}

async fn accounts(deciding: &mut Deciding<'_>, side: Side) -> Result<Vec<Account>, DecisionError> {
    match side {
        Side::Account(seen) => Ok(vec![account_seen_in_txn(deciding.tx, deciding.org, seen).await?]),
        Side::Person(seen) => {
            let person = person_seen_in_txn(deciding.tx, deciding.org, seen).await?;
            Ok(accounts_of_in_txn(deciding.tx, deciding.org, person.id).await?)
        }
    }
}

fn sides<'a>(ones: &'a [Account], others: &'a [Account]) -> impl Iterator<Item = (&'a Account, &'a [Account])> {
    ones.iter().map(move |account| (account, others)).chain(others.iter().map(move |account| (account, ones)))
}

/// On record: the account is none of those people's. A conflict all of whose candidates are refused, now or before, is settled.
async fn refuse(deciding: &mut Deciding<'_>, account: &Account, opposite: &[Account]) -> Result<(), DecisionError> {
    for person in opposite.iter().filter_map(|other| other.person) {
        deciding.reject(account, person);
    }
    let Some(person) = account.person.filter(|_| account.is(LinkStatus::Conflict)) else { return Ok(()) };
    let mut refused = never_with_in_txn(deciding.tx, deciding.org, account.id).await?;
    refused.extend(ids(opposite));
    let candidates = account.candidates();
    if !candidates.is_empty() && candidates.iter().all(|candidate| refused.contains(&candidate.identity)) {
        deciding.link(account, person, LinkStatus::Auto, "decided to be none of the candidates");
    }
    Ok(())
}

/// Accounts that were decided to be somebody else.
async fn never_with_in_txn(tx: &mut PgConnection, org: OrgId, identity: Uuid) -> Result<Vec<Uuid>, DecisionError> {
    let rows = sqlx::query_scalar!(
        r#"select b as "other!" from never_together where org_id = $1 and a = $2
        union select a from never_together where org_id = $1 and b = $2"#,
        org.0,
        identity
    );
    Ok(rows.fetch_all(tx).await?)
}

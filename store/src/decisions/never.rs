//! Two accounts, or two people, are never one.

use super::{
    DecisionError, Side,
    account::{Account, account_seen_in_txn, accounts_of_in_txn, person_seen_in_txn},
    plan::{Deciding, ids},
};
use crate::links::LinkStatus;

pub(super) async fn never(deciding: &mut Deciding<'_>, one: Side, other: Side) -> Result<(), DecisionError> {
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
        refuse(deciding, account, opposite);
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

/// On record: the account is none of those people's. A conflict that has no other candidate is settled.
fn refuse(deciding: &mut Deciding<'_>, account: &Account, opposite: &[Account]) {
    for person in opposite.iter().filter_map(|other| other.person) {
        deciding.reject(account, person);
    }
    let is_refused = |candidate: uuid::Uuid| opposite.iter().any(|other| other.id == candidate);
    let candidates = account.candidates();
    let settled = !candidates.is_empty() && candidates.iter().all(|candidate| is_refused(candidate.identity));
    if let Some(person) = account.person.filter(|_| account.is(LinkStatus::Conflict) && settled) {
        deciding.link(account, person, LinkStatus::Auto, "decided to be none of the candidates");
    }
}

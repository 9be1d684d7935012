//! Two people are one.

use super::{
    DecisionError, PersonSeen,
    account::{accounts_of_in_txn, person_seen_in_txn},
    confirm::apart_check,
    plan::Deciding,
};

pub(super) async fn merge(deciding: &mut Deciding<'_>, into: PersonSeen, from: PersonSeen) -> Result<(), DecisionError> {
    if into.person == from.person {
        return Err(DecisionError::Invalid { field: "from", message: "it is the same person".into() });
    }
    let into = person_seen_in_txn(deciding.tx, deciding.org, into).await?;
    let from = person_seen_in_txn(deciding.tx, deciding.org, from).await?;
    let ours = accounts_of_in_txn(deciding.tx, deciding.org, into.id).await?;
    let theirs = accounts_of_in_txn(deciding.tx, deciding.org, from.id).await?;
    apart_check(deciding, &ours, &theirs).await?;
    for account in ours.iter().chain(&theirs) {
        deciding.confirm(account, into.id);
    }
    deciding.merge(from.id, into.id);
    deciding.person = Some(into.id);
    Ok(())
}

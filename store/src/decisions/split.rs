//! Some of a person's accounts are somebody else's.

use ovia_domain::IdentityId;
use uuid::Uuid;

use super::{
    DecisionError, PersonSeen,
    account::{Account, accounts_in_txn, accounts_of_in_txn, person_seen_in_txn},
    confirm::missing,
    plan::{Deciding, ids, new_person, raw},
};

pub(super) async fn split(
    deciding: &mut Deciding<'_>,
    seen: PersonSeen,
    accounts: &[IdentityId],
    display_name: Option<&str>,
) -> Result<(), DecisionError> {
    let wanted: Vec<Uuid> = raw(accounts);
    if wanted.is_empty() {
        return Err(DecisionError::Invalid { field: "identities", message: "no account is named".into() });
    }
    let person = person_seen_in_txn(deciding.tx, deciding.org, seen).await?;
    let members = accounts_of_in_txn(deciding.tx, deciding.org, person.id).await?;
    let (leaving, staying): (Vec<Account>, Vec<Account>) = members.into_iter().partition(|member| wanted.contains(&member.id));
    if missing(&wanted, &leaving).is_some() {
        let known = accounts_in_txn(deciding.tx, deciding.org, &wanted).await?;
        if let Some(error) = missing(&wanted, &known) {
            return Err(error);
        }
        let message = format!("Not all of these accounts are {}'s.", person.display_name);
        return Err(DecisionError::refused(message, "Look at the person's accounts and name those that are to leave."));
    }
    if staying.is_empty() {
        let message = format!("These are all accounts of {}: nothing would be split.", person.display_name);
        return Err(DecisionError::refused(message, "Name only those that are to leave."));
    }
    deciding.never(&ids(&leaving), &ids(&staying))?;
    let Some(first) = leaving.iter().min_by_key(|account| (account.email.is_none(), account.id)) else { return Ok(()) };
    let new = new_person(first, display_name);
    let id = new.id;
    deciding.person_create(new);
    for account in &leaving {
        deciding.reject(account, person.id);
        deciding.confirm(account, id);
    }
    Ok(())
}

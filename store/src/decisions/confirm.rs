//! An account is somebody's: as suggested (confirm), or somebody else's than the rules say (remap).

use uuid::Uuid;

use super::{
    AccountSeen, DecisionError, PersonSeen, RemapTo,
    account::{Account, Person, account_seen_in_txn, accounts_in_txn, accounts_of_in_txn, identity, person_seen_in_txn},
    plan::{Deciding, ids, new_person},
    read::decisions_apart_in_txn,
};
use crate::links::LinkStatus;
use ovia_domain::PersonId;

pub(super) async fn confirm(deciding: &mut Deciding<'_>, seen: AccountSeen, person: PersonId) -> Result<(), DecisionError> {
    let account = account_seen_in_txn(deciding.tx, deciding.org, seen).await?;
    let person = person_seen_in_txn(deciding.tx, deciding.org, PersonSeen { person, expected_version: None }).await?;
    let is_own = account.person == Some(person.id);
    if is_own && account.is(LinkStatus::Confirmed) {
        let message = format!("The account {} is confirmed to be {}'s already.", account.id, person.display_name);
        return Err(DecisionError::refused(message, "There is nothing to decide."));
    }
    if !is_own && account.counts() && !others(deciding, &account).await?.is_empty() {
        let message = format!("The account {} is linked to another person, with other accounts.", account.id);
        return Err(DecisionError::refused(message, "Remap it: that also says that it does not belong to those."));
    }
    if is_own && account.is(LinkStatus::Conflict) {
        refuse_candidates(deciding, &account).await?;
    }
    settle(deciding, &account, &person).await
}

pub(super) async fn remap(deciding: &mut Deciding<'_>, seen: AccountSeen, to: &RemapTo) -> Result<(), DecisionError> {
    let account = account_seen_in_txn(deciding.tx, deciding.org, seen).await?;
    let left = others(deciding, &account).await?;
    let target = match to {
        RemapTo::Person(person) => {
            Some(person_seen_in_txn(deciding.tx, deciding.org, PersonSeen { person: *person, expected_version: None }).await?)
        }
        RemapTo::New { .. } => None,
    };
    if target.as_ref().is_some_and(|target| account.person == Some(target.id)) {
        let message = format!("The account {} is linked to this person already.", account.id);
        return Err(DecisionError::refused(message, "Confirm it, or name another person."));
    }
    if let (None, Some(own), true) = (&target, account.person, left.is_empty()) {
        // it is alone: the person it has is the new one, unless a name is given
        if account.is(LinkStatus::Confirmed) {
            let message = format!("The account {} is confirmed to be nobody else's already.", account.id);
            return Err(DecisionError::refused(message, "There is nothing to decide."));
        }
        refuse_candidates(deciding, &account).await?;
        if !matches!(to, RemapTo::New { display_name: Some(_) }) {
            deciding.concerns_person(Some(own));
            deciding.confirm(&account, own);
            deciding.person = Some(own);
            return Ok(());
        }
    }
    if let Some(person) = account.person.filter(|_| !left.is_empty()) {
        deciding.never(&[account.id], &ids(&left))?;
        deciding.reject(&account, person);
    }
    match (target, to) {
        (Some(target), _) => settle(deciding, &account, &target).await,
        (None, RemapTo::New { display_name }) => {
            let person = new_person(&account, display_name.as_deref());
            let id = person.id;
            deciding.person_create(person);
            deciding.confirm(&account, id);
            Ok(())
        }
        (None, RemapTo::Person(person)) => Err(DecisionError::no_person(*person)),
    }
}

/// The account is this person's from now on. What it is confirmed together with is an account too, not only a name: rules may still move
/// the person's other accounts, so one of them is confirmed with it, if none is yet.
pub(super) async fn settle(deciding: &mut Deciding<'_>, account: &Account, person: &Person) -> Result<(), DecisionError> {
    let mut members = accounts_of_in_txn(deciding.tx, deciding.org, person.id).await?;
    members.retain(|member| member.id != account.id);
    apart_check(deciding, std::slice::from_ref(account), &members).await?;
    if let Some(anchor) = anchor(account, &members) {
        deciding.confirm(anchor, person.id);
    }
    deciding.confirm(account, person.id);
    deciding.person = Some(person.id);
    Ok(())
}

/// Whom the account is confirmed together with: an account confirmed before; else the best candidate, else the surest.
pub(super) fn anchor<'a>(account: &Account, members: &'a [Account]) -> Option<&'a Account> {
    let confirmed = members.iter().find(|member| member.is(LinkStatus::Confirmed));
    let candidate = || account.candidates().iter().find_map(|candidate| members.iter().find(|member| member.id == candidate.identity));
    let surest = || {
        let counting = members.iter().filter(|member| member.counts());
        counting.min_by(|a, b| b.confidence.unwrap_or_default().total_cmp(&a.confidence.unwrap_or_default()).then(a.id.cmp(&b.id)))
    };
    confirmed.or_else(candidate).or_else(surest).or_else(|| members.first())
}

/// Refuses to bring together what was decided to be apart.
pub(super) async fn apart_check(deciding: &mut Deciding<'_>, one: &[Account], other: &[Account]) -> Result<(), DecisionError> {
    let decisions = decisions_apart_in_txn(deciding.tx, deciding.org, &ids(one), &ids(other)).await?;
    if decisions.is_empty() {
        return Ok(());
    }
    let message = "Some of these accounts were decided to be different people.".to_owned();
    Err(DecisionError::Contradicts { message, decisions })
}

/// The accounts of its person but itself.
async fn others(deciding: &mut Deciding<'_>, account: &Account) -> Result<Vec<Account>, DecisionError> {
    let Some(person) = account.person else { return Ok(Vec::new()) };
    let mut members = accounts_of_in_txn(deciding.tx, deciding.org, person).await?;
    members.retain(|member| member.id != account.id);
    Ok(members)
}

/// An account in conflict is none of its candidates.
async fn refuse_candidates(deciding: &mut Deciding<'_>, account: &Account) -> Result<(), DecisionError> {
    let wanted: Vec<Uuid> = account.candidates().iter().map(|candidate| candidate.identity).collect();
    let mut candidates = accounts_in_txn(deciding.tx, deciding.org, &wanted).await?;
    candidates.retain(|candidate| candidate.person != account.person || candidate.person.is_none());
    deciding.never(&[account.id], &ids(&candidates))?;
    for person in candidates.iter().filter_map(|candidate| candidate.person) {
        deciding.reject(account, person);
    }
    Ok(())
}

pub(super) fn missing(wanted: &[Uuid], found: &[Account]) -> Option<DecisionError> {
    let missing = wanted.iter().find(|id| !found.iter().any(|account| account.id == **id))?;
    Some(DecisionError::no_account(identity(*missing)))
}

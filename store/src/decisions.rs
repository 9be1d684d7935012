//! What people decide about accounts: confirm, remap, split, merge, never, bulk confirm, and undo of each.
//!
//! A decision is one transaction under the organisation's matching lock: links, pairs, events, audit, the people changed, the new identity
//! epoch and the matching run that follows are there together or not at all. It keeps the rows it changed as they were before, which is
//! what undo puts back. Rules never change what was decided: every run gets the decisions as constraints.

mod account;
mod before;
mod bulk;
mod confirm;
mod error;
mod merge;
mod never;
mod plan;
mod read;
mod split;
mod undo;

use ovia_domain::{IdentityId, OrgId, PersonId};
use serde_json::{Value, json};
use uuid::Uuid;

pub use bulk::{BulkConfirm, BulkPlan, BulkPlanned};
pub use error::{DecisionError, Stale};
pub(crate) use plan::follow_up_in_txn;
pub use read::{DecisionBrief, DecisionFilter, DecisionRow};

use crate::{Store, links::matching_lock_in_txn, runs::NewRun};
use plan::Deciding;

/// Who decides, why, and what is to follow.
#[derive(Clone, Debug)]
pub struct Decider {
    /// `token:<name>`.
    pub actor: String,
    pub reason: Option<String>,
    /// The matching run to queue (its KPI rollup follows it), unless one is queued already.
    pub follow_up: NewRun,
}

/// An account, and the version of its link that whoever decides has seen (`MappingRow::version`; 0 for an account without a link).
/// `None` decides whatever it is by now.
#[derive(Clone, Copy, Debug)]
pub struct AccountSeen {
    pub identity: IdentityId,
    pub expected_version: Option<i64>,
}

/// A person, and the version (`PersonDetail::version`) that whoever decides has seen. `None` decides whatever it is by now.
#[derive(Clone, Copy, Debug)]
pub struct PersonSeen {
    pub person: PersonId,
    pub expected_version: Option<i64>,
}

/// Where an account belongs.
#[derive(Clone, Debug)]
pub enum RemapTo {
    Person(PersonId),
    /// Nobody known; named after the account where no name is given.
    New {
        display_name: Option<String>,
    },
}

/// One side of a `never`.
#[derive(Clone, Copy, Debug)]
pub enum Side {
    Account(AccountSeen),
    /// Every account the person has now.
    Person(PersonSeen),
}

/// What is decided.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The account is this person's: as suggested, or one of a conflict's candidates. An account in conflict that is confirmed to its own
    /// person refuses its candidates.
    Confirm { account: AccountSeen, person: PersonId },
    /// The account is not the person's it is linked to but another's: it is never together with the accounts it leaves.
    Remap { account: AccountSeen, to: RemapTo },
    /// These accounts are another person than the rest: they become a new one and are never together with those that stay.
    Split { person: PersonSeen, accounts: Vec<IdentityId>, display_name: Option<String> },
    /// Both are one person, for ever; `from` is retired.
    Merge { into: PersonSeen, from: PersonSeen },
    /// The two are never one person.
    Never { one: Side, other: Side },
    /// Takes a decision back: the rows it changed are what they were before it.
    Undo { decision: i64 },
}

/// What a decision did.
#[derive(Clone, Debug)]
pub struct Decided {
    pub decision: DecisionRow,
    /// Earlier decisions by which accounts were confirmed to whom they leave now: this one goes over them, and its undo brings them back.
    pub overruled: Vec<DecisionBrief>,
    /// Whose accounts changed.
    pub people_changed: Vec<PersonId>,
    /// The person made by a split or a remap to a new one; the one that has the accounts of a confirm, remap or merge.
    pub person: Option<PersonId>,
    pub identity_epoch: i64,
    /// The queued matching run, for the caller to start. `None`: one that was queued before sees the decision too.
    pub follow_up: Option<NewRun>,
}

impl Store {
    /// Decides, as one transaction.
    pub async fn decide(&self, org: OrgId, by: &Decider, decision: &Decision) -> Result<Decided, DecisionError> {
        let mut tx = self.pool.begin().await?;
        matching_lock_in_txn(&mut tx, org).await?;
        let mut deciding = Deciding::new(&mut tx, org, by, kind(decision), input(decision));
        match decision {
            Decision::Confirm { account, person } => confirm::confirm(&mut deciding, *account, *person).await?,
            Decision::Remap { account, to } => confirm::remap(&mut deciding, *account, to).await?,
            Decision::Split { person, accounts, display_name } => {
                split::split(&mut deciding, *person, accounts, display_name.as_deref()).await?;
            }
            Decision::Merge { into, from } => merge::merge(&mut deciding, *into, *from).await?,
            Decision::Never { one, other } => never::never(&mut deciding, *one, *other).await?,
            Decision::Undo { decision } => undo::undo(&mut deciding, *decision).await?,
        }
        let decided = deciding.finish().await?;
        tx.commit().await?;
        Ok(decided)
    }
}

fn kind(decision: &Decision) -> &'static str {
    match decision {
        Decision::Confirm { .. } => "confirm",
        Decision::Remap { .. } => "remap",
        Decision::Split { .. } => "split",
        Decision::Merge { .. } => "merge",
        Decision::Never { .. } => "never",
        Decision::Undo { .. } => "undo",
    }
}

/// What was asked for, as it is kept.
fn input(decision: &Decision) -> Value {
    match decision {
        Decision::Confirm { account, person } => json!({"identity": account.identity, "person": person}),
        Decision::Remap { account, to: RemapTo::Person(person) } => json!({"identity": account.identity, "person": person}),
        Decision::Remap { account, to: RemapTo::New { display_name } } => {
            json!({"identity": account.identity, "new_person": {"display_name": display_name}})
        }
        Decision::Split { person, accounts, display_name } => {
            json!({"person": person.person, "identities": accounts, "display_name": display_name})
        }
        Decision::Merge { into, from } => json!({"into": into.person, "from": from.person}),
        Decision::Never { one, other } => json!({"one": side(*one), "other": side(*other)}),
        Decision::Undo { decision } => json!({"decision": decision}),
    }
}

fn side(side: Side) -> Value {
    match side {
        Side::Account(account) => json!({"identity": account.identity}),
        Side::Person(person) => json!({"person": person.person}),
    }
}

/// A pair as `never_together` has it.
fn pair(one: Uuid, other: Uuid) -> (Uuid, Uuid) {
    (one.min(other), one.max(other))
}

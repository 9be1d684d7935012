//! Decisions on the wire.

use ovia_store::decisions::{BulkConfirm, BulkPlan, BulkPlanned, Decided, DecisionBrief, DecisionRow};
use poem_openapi::Object;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::time::Time;

/// An account that is this person's.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "MappingConfirm")]
pub(super) struct ConfirmIn {
    pub identity_id: Uuid,
    pub person_id: Uuid,
    /// The `version` of the account's mapping as you saw it; a conflict if it has changed. Left out: whatever it is by now.
    pub expected_version: Option<i64>,
    /// A sentence that is kept with the decision.
    pub reason: Option<String>,
}

/// An account that is another person's.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "MappingRemap")]
pub(super) struct RemapIn {
    pub identity_id: Uuid,
    /// Whose it is; or `new_person`.
    pub person_id: Option<Uuid>,
    /// It is somebody's who is not known yet.
    pub new_person: Option<NewPersonIn>,
    /// The `version` of the account's mapping as you saw it; a conflict if it has changed. Left out: whatever it is by now.
    pub expected_version: Option<i64>,
    /// A sentence that is kept with the decision.
    pub reason: Option<String>,
}

/// Somebody who is not known yet.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "NewPerson")]
pub(super) struct NewPersonIn {
    /// The account's own name if this is left out.
    pub display_name: Option<String>,
}

/// Accounts of a person that are another one.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "PersonSplit")]
pub(super) struct SplitIn {
    pub person_id: Uuid,
    /// The accounts that leave.
    pub identity_ids: Vec<Uuid>,
    /// What the new person is called; as the accounts are if this is left out.
    pub display_name: Option<String>,
    /// The `version` of the person as you saw it; a conflict if it has changed. Left out: whatever it is by now.
    pub expected_version: Option<i64>,
    /// A sentence that is kept with the decision.
    pub reason: Option<String>,
}

/// Two people that are one.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "PeopleMerge")]
pub(super) struct MergeIn {
    /// The one that stays.
    pub person_id: Uuid,
    /// The one that becomes part of it.
    pub other_person_id: Uuid,
    /// The `version` of the one that stays as you saw it; a conflict if it has changed. Left out: whatever it is by now.
    pub expected_version: Option<i64>,
    /// The same of the other.
    pub expected_other_version: Option<i64>,
    /// A sentence that is kept with the decision.
    pub reason: Option<String>,
}

/// Two accounts, or two people, that are never one person.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "MappingNever")]
pub(super) struct NeverIn {
    /// Two accounts; or `person_ids`.
    pub identity_ids: Option<Vec<Uuid>>,
    /// Two people, with all the accounts they have now.
    pub person_ids: Option<Vec<Uuid>>,
    /// The `version` of the first one as you saw it; a conflict if it has changed. Left out: whatever it is by now.
    pub expected_version: Option<i64>,
    /// The same of the second.
    pub expected_other_version: Option<i64>,
    /// A sentence that is kept with the decision.
    pub reason: Option<String>,
}

/// A decision to take back.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "DecisionUndo")]
pub(super) struct UndoIn {
    /// An undo can be undone as well.
    pub decision_id: i64,
    /// A sentence that is kept with the decision.
    pub reason: Option<String>,
}

/// Which links to confirm.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(rename = "BulkConfirm")]
pub(super) struct BulkConfirmIn {
    /// Links that rules made (`auto`) and that are at least this sure, 0 to 1. Conflicts are not among them: each wants a look.
    pub min_confidence: f64,
    /// Only accounts of this kind of source.
    pub source: Option<String>,
    /// True if it is left out: says what would be done, and does nothing.
    pub dry_run: Option<bool>,
    /// Of the dry run: exactly what it said is done.
    pub token: Option<String>,
    /// A sentence that is kept with the decision.
    pub reason: Option<String>,
}

/// What is, or would be, confirmed.
#[derive(Object)]
#[oai(rename = "BulkConfirmed")]
pub(super) struct BulkConfirmOut {
    dry_run: bool,
    /// Accounts that are that sure. Where a person has only one of these, another of the person's accounts is confirmed with it.
    count: u64,
    /// How many people they belong to.
    people: u64,
    /// Of a dry run: the first hundred accounts.
    sample: Vec<BulkAccountOut>,
    /// There are more than 5,000: repeat it for the rest.
    more: bool,
    /// Of a dry run: what to send to do it.
    token: Option<String>,
    /// What was decided; null after a dry run.
    decided: Option<DecidedOut>,
}

/// One account that would be confirmed.
#[derive(Object)]
#[oai(rename = "BulkConfirmAccount")]
struct BulkAccountOut {
    identity_id: Uuid,
    account_name: String,
    source: String,
    person_id: Uuid,
    person_name: String,
    confidence: f64,
    rule: String,
}

/// What a decision did.
#[derive(Object)]
#[oai(rename = "Decided")]
pub(super) struct DecidedOut {
    decision: DecisionOut,
    /// Earlier decisions by which accounts were confirmed to whom they leave now: this one goes over them, and its undo brings them back.
    overruled: Vec<DecisionBriefOut>,
    /// The person made by a split or a remap to a new one; the one that has the accounts of a confirm, remap or merge; null of others.
    person_id: Option<Uuid>,
    /// Whose accounts changed: their figures are computed again.
    people_changed: Vec<Uuid>,
    identity_epoch: i64,
    /// The matching run that follows; null when one that was queued before sees the decision too.
    run_id: Option<Uuid>,
}

/// A decision by its name.
#[derive(Object)]
#[oai(rename = "IdentityDecisionBrief")]
struct DecisionBriefOut {
    id: i64,
    kind: String,
    /// `token:<name>`.
    actor: String,
    decided_at: Time,
}

/// What somebody decided about accounts.
#[derive(Object)]
#[oai(rename = "IdentityDecision")]
pub(super) struct DecisionOut {
    /// Rises with time.
    id: i64,
    /// `confirm`, `remap`, `split`, `merge`, `never`, `bulk_confirm`, `undo`.
    kind: String,
    /// `token:<name>`.
    actor: String,
    /// What they said.
    reason: Option<String>,
    decided_at: Time,
    /// What was asked for.
    input: Value,
    /// Accounts it says something about; in lists the first 100.
    identities: Vec<Uuid>,
    /// People it changes; in lists the first 100.
    people: Vec<Uuid>,
    /// How many they are in all.
    identities_count: i32,
    people_count: i32,
    /// The undo that took it back; null while it holds.
    undone_by: Option<i64>,
    /// Of an undo: what it takes back.
    undoes: Option<i64>,
    identity_epoch: i64,
}

/// Accounts of a plan that are shown.
const SAMPLE: usize = 100;

impl BulkConfirmIn {
    pub fn wanted(&self) -> BulkConfirm {
        BulkConfirm { min_confidence: self.min_confidence, source: self.source.clone() }
    }
}

impl BulkConfirmOut {
    pub fn planned(plan: BulkPlan) -> Self {
        Self {
            dry_run: true,
            count: plan.accounts.len() as u64,
            people: plan.people as u64,
            more: plan.more,
            token: Some(plan.token),
            sample: plan.accounts.into_iter().take(SAMPLE).map(BulkAccountOut::from).collect(),
            decided: None,
        }
    }

    pub fn done(decided: DecidedOut) -> Self {
        // as the dry run counted
        let count = decided.decision.input["accounts"].as_u64().unwrap_or_default();
        Self {
            dry_run: false,
            count,
            people: decided.decision.people.len() as u64,
            more: false,
            token: None,
            sample: Vec::new(),
            decided: Some(decided),
        }
    }
}

impl From<BulkPlanned> for BulkAccountOut {
    fn from(row: BulkPlanned) -> Self {
        Self {
            identity_id: row.identity.0,
            account_name: row.account_name,
            source: row.source,
            person_id: row.person.0,
            person_name: row.person_name,
            confidence: row.confidence,
            rule: row.rule,
        }
    }
}

impl From<Decided> for DecidedOut {
    fn from(decided: Decided) -> Self {
        Self {
            decision: decided.decision.into(),
            overruled: decided.overruled.into_iter().map(DecisionBriefOut::from).collect(),
            person_id: decided.person.map(|person| person.0),
            people_changed: decided.people_changed.into_iter().map(|person| person.0).collect(),
            identity_epoch: decided.identity_epoch,
            run_id: decided.follow_up.map(|run| run.run_id.0),
        }
    }
}

impl From<DecisionBrief> for DecisionBriefOut {
    fn from(brief: DecisionBrief) -> Self {
        Self { id: brief.id, kind: brief.kind, actor: brief.actor, decided_at: brief.decided_at.into() }
    }
}

impl From<DecisionRow> for DecisionOut {
    fn from(row: DecisionRow) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            actor: row.actor,
            reason: row.reason,
            decided_at: row.decided_at.into(),
            input: row.input,
            identities: row.identities,
            people: row.people,
            identities_count: row.identities_count,
            people_count: row.people_count,
            undone_by: row.undone_by,
            undoes: row.undoes,
            identity_epoch: row.identity_epoch,
        }
    }
}

//! Why something is not decided.

use ovia_domain::{IdentityId, PersonId};
use uuid::Uuid;

use super::DecisionBrief;
use crate::StoreError;

/// Why a decision was not taken. Nothing was written. All but `NotFound`, `Invalid` and `Store` are conflicts with the current state.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    #[error("there is no {what} {id}")]
    NotFound { what: &'static str, id: String },
    /// Makes no sense whatever the state is.
    #[error("{message}")]
    Invalid { field: &'static str, message: String },
    /// Somebody, or a matching run, was faster.
    #[error("the {} {} has changed since it was read: it is at version {}, not {}", .0.what, .0.id, .0.version, .0.expected)]
    Stale(Box<Stale>),
    /// The current state does not allow it; `hint` says what would.
    #[error("{message}")]
    Refused { message: String, hint: String },
    /// Something decided earlier says the opposite; that has to be undone first.
    #[error("{message}")]
    Contradicts { message: String, decisions: Vec<DecisionBrief> },
    /// An undo of what later decisions about the same accounts build on; these have to be undone first, the last one first.
    #[error("decision {decision} cannot be undone: later decisions about the same accounts build on it")]
    BuiltOn { decision: i64, later: Vec<DecisionBrief> },
    /// What `bulk_confirm` would do is no longer what its plan said.
    #[error("what would be confirmed has changed since it was planned")]
    PlanChanged,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for DecisionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<serde_json::Error> for DecisionError {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What was seen and what is.
#[derive(Clone, Debug)]
pub struct Stale {
    /// `account` or `person`.
    pub what: &'static str,
    pub id: Uuid,
    pub expected: i64,
    pub version: i64,
    /// Of an account: its present link.
    pub status: Option<String>,
    pub person_id: Option<Uuid>,
    /// The last decision about it, if it was a decision that changed it and not a run.
    pub last_decision: Option<DecisionBrief>,
}

impl DecisionError {
    pub(crate) fn no_account(id: IdentityId) -> Self {
        Self::NotFound { what: "account", id: id.to_string() }
    }

    pub(crate) fn no_person(id: PersonId) -> Self {
        Self::NotFound { what: "person", id: id.to_string() }
    }

    pub(crate) fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), hint: hint.into() }
    }
}

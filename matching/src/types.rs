//! What goes in and what comes out.

use ovia_domain::{IdentityId, PersonId};
use serde::Serialize;

/// Raised whenever a rule changes its answers.
pub const RULE_SET_VERSION: i32 = 1;

/// One account. Ids are unique.
#[derive(Clone, Debug)]
pub struct IdentityIn {
    pub id: IdentityId,
    /// The kind of source, as `gitlab`.
    pub source: String,
    /// Where the source is, as its host or base URL: accounts of one source and host share an id space.
    pub host: String,
    /// The account's id in that space.
    pub external_id: String,
    pub username: Option<String>,
    pub display_name: Option<String>,
    pub email: Option<String>,
    /// The source's own word. `None`: it did not say.
    pub is_bot: Option<bool>,
    /// The person the account is linked to by rules now.
    pub current_person: Option<PersonId>,
    /// The person somebody confirmed it to be. Never changed; accounts confirmed to one person are together whatever the rules say.
    pub confirmed_person: Option<PersonId>,
}

/// What people decided about pairs.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    /// Never the same person, in either order. Accounts confirmed to the same person are together all the same.
    pub never_together: Vec<(IdentityId, IdentityId)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MatchOutput {
    /// Ordered by the smallest identity id of each.
    pub clusters: Vec<Cluster>,
    /// One per identity, ordered by identity id.
    pub links: Vec<Link>,
}

/// The accounts of one person or bot.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// The person the cluster keeps; `None` for one to be made.
    pub person: Option<PersonId>,
    pub is_bot: bool,
    /// The best known name of its accounts, else a user name, an e-mail or an external id; never empty unless all of them are.
    pub display_name: String,
    /// The address most of its accounts have; `None` where none identifies a person.
    pub primary_email: Option<String>,
    /// Ascending.
    pub members: Vec<IdentityId>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    pub identity: IdentityId,
    /// Index in [`MatchOutput::clusters`].
    pub cluster: usize,
    pub class: LinkClass,
    /// 0 to 1: how sure the link is; of a conflict, how likely the candidate is the same person.
    pub confidence: f64,
    /// The strongest rule that holds the account in its cluster, or that raised the conflict.
    pub rule: Rule,
    pub trace: Vec<Evidence>,
}

/// What became of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkClass {
    /// Linked by rules.
    Auto,
    /// Left with its own person until somebody decides; the trace names the candidates.
    Conflict,
    /// Decided by a person and left as it is.
    Confirmed,
}

impl LinkClass {
    /// As stored in `person_identity_links.status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Conflict => "conflict",
            Self::Confirmed => "confirmed",
        }
    }
}

/// Why an account is where it is. Ordered by strength, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Rule {
    #[serde(rename = "human decision")]
    HumanDecision,
    #[serde(rename = "shared account id")]
    SharedAccountId,
    #[serde(rename = "exact e-mail")]
    ExactEmail,
    #[serde(rename = "exact full name")]
    ExactFullName,
    /// Says that an account is a bot's; links nothing.
    #[serde(rename = "service account")]
    ServiceAccount,
    /// Nothing links the account to another.
    #[serde(rename = "only account")]
    OnlyAccount,
}

impl Rule {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HumanDecision => "human decision",
            Self::SharedAccountId => "shared account id",
            Self::ExactEmail => "exact e-mail",
            Self::ExactFullName => "exact full name",
            Self::ServiceAccount => "service account",
            Self::OnlyAccount => "only account",
        }
    }

    /// The share of such links that are right. E-mail and name: the measured precision of each kind of evidence on labelled data, rounded
    /// down.
    pub(crate) fn confidence(self) -> f64 {
        match self {
            Self::HumanDecision | Self::SharedAccountId | Self::ServiceAccount | Self::OnlyAccount => 1.0,
            Self::ExactEmail => 0.99,
            Self::ExactFullName => 0.97,
        }
    }
}

/// One reason in a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    pub rule: Rule,
    /// A clause for people, as ``same e-mail `ada@acme.test` ``.
    pub detail: String,
    /// The account it points to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<IdentityId>,
}

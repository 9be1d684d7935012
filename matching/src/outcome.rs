//! What comes out: clusters, links, and the evidence behind them.

use std::{ops::Deref, sync::Arc};

use ovia_domain::{IdentityId, PersonId};
use serde::{Serialize, Serializer};

#[derive(Clone, Debug, PartialEq)]
pub struct MatchOutput {
    /// Ordered by the smallest identity id of each.
    pub clusters: Vec<Arc<Cluster>>,
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

/// What became of one account.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Link {
    pub identity: IdentityId,
    /// Index in [`MatchOutput::clusters`].
    pub cluster: usize,
    pub class: LinkClass,
    /// 0 to 1: how sure the link is; of a conflict, how likely the best candidate is the same person.
    pub confidence: f64,
    /// The strongest rule that holds the account in its cluster, or that raised the conflict.
    pub rule: Rule,
    /// Evidence for (and against) the link that holds the account in its cluster, strongest first.
    pub trace: Shared<Evidence>,
    /// The accounts of other clusters it could belong to, likeliest first: at most five. Of a conflict at least one.
    pub candidates: Shared<Candidate>,
    /// What nearly changed the class, as a clause for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearly: Option<String>,
    /// Strong evidence against what people decided about this account. The decision is kept all the same.
    pub contradicts: Shared<Evidence>,
}

/// An account of another cluster that may be the same person's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    pub identity: IdentityId,
    /// 0 to 1: how likely both are one person.
    pub confidence: f64,
    pub trace: Vec<Evidence>,
}

/// A list that is cheap to clone; an array in JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Shared<T>(Option<Arc<[T]>>);

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Deref for Shared<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<T> From<Vec<T>> for Shared<T> {
    fn from(list: Vec<T>) -> Self {
        // an empty list is always the same value
        Self((!list.is_empty()).then(|| list.into()))
    }
}

impl<'a, T> IntoIterator for &'a Shared<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// What became of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkClass {
    /// Linked by rules.
    Auto,
    /// Left with what is sure of it until somebody decides; the candidates say with whom it may belong.
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

/// One reason, and what it added or took away.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    pub rule: Rule,
    pub family: Family,
    /// A clause for people, as ``same e-mail `ada@acme.test` ``.
    pub detail: String,
    /// The account it points to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<IdentityId>,
    /// What it added to (or, below 0, took from) the log-odds (natural logarithm) of the pair being one person; 0 for certainties and for
    /// remarks that are not weighed.
    pub log_odds: f64,
}

/// What evidence is drawn from. Of each family the strongest counts whole, the others of the same family not at all: a local part and a
/// display name are often the same string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// People's decisions and ids shared by definition: not weighed.
    Certainty,
    Email,
    Name,
    Account,
    Domain,
    CoOccurrence,
    /// The size of the corpus.
    Corpus,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident = $name:literal,)+) => {
        /// Why an account is where it is, or is not.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub enum Rule {
            $($(#[$doc])* #[serde(rename = $name)] $rule,)+
        }

        impl Rule {
            pub const ALL: &'static [Self] = &[$(Self::$rule,)+];

            /// As in traces and `person_identity_links.rule`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)+
                }
            }
        }
    };
}

rules! {
    HumanDecision = "human decision",
    /// The same id in one id space, seen through several connections.
    SharedAccountId = "shared account id",
    ExactEmail = "exact e-mail",
    /// The number in a private relay's address is the account's, whatever it is called today.
    RelayAccount = "relay address of the account",
    ExactFullName = "exact full name",
    NameOrder = "full name in another order",
    Nickname = "short form of the first name",
    MiddleName = "middle name left out",
    NameInitial = "initial for a name",
    SimilarName = "name spelt differently",
    SingleName = "same single name",
    /// A login, or a local part that is used like one, is the same on both sides.
    SameLogin = "same login",
    SameLocalPart = "same local part",
    LoginDigits = "same login but for digits",
    /// A login or local part made of the other side's name.
    LoginFromName = "login made of the name",
    SameDomain = "same domain",
    DomainFromName = "domain made of the name",
    CoOccurrence = "seen together",
    /// At work at the same hours in the same project: of a pair that something else holds together.
    SameHours = "same project and hours",
    OtherHours = "active at other hours",
    OtherName = "different names",
    OtherAccount = "two accounts of one source",
    /// Two people of one name are likelier than one person with two such accounts.
    Namesakes = "namesakes",
    CorpusSize = "size of the organisation",
    /// Says that an account is a bot's; links nothing.
    ServiceAccount = "service account",
    /// Nothing links the account to another.
    OnlyAccount = "only account",
}

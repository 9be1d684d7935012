//! Who is behind an account, and in which team when.

use super::Time;

/// A person, interned by [`super::Facts::person`]; or an account nobody is linked to, which is its own person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersonKey(pub u32);

/// A team, interned by [`super::Facts::team`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TeamKey(pub u32);

/// A person was in a team in `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TeamMembership {
    pub team: TeamKey,
    pub person: PersonKey,
    /// `None`: always was.
    pub from: Option<Time>,
    /// `None`: still is.
    pub to: Option<Time>,
}

/// What is known of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) person: PersonKey,
    pub(crate) is_bot: bool,
}

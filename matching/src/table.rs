//! What each piece of evidence is worth: natural log-odds of "one person" among pairs that have it, measured on labelled accounts
//! (docs/matching.md). Where cross-source sets and histories differ the value lies between them, nearer the lower.

use crate::{
    features::{HandleKind, Shape},
    outcome::Rule,
};

/// A word that at most so many full names have is rare.
pub(crate) const RARE_NAMES: u8 = 4;

pub(crate) const EXACT_EMAIL: f64 = 5.3;
pub(crate) const RELAY_ACCOUNT: f64 = 6.5;

pub(crate) const MIDDLE_INITIAL: f64 = 3.0;
pub(crate) const OTHER_MIDDLE_NAME: f64 = -1.0;
pub(crate) const BOTH_SIMILAR: f64 = 0.3;

pub(crate) const OTHER_NUMERAL: f64 = -6.0;
pub(crate) const DISJOINT_NAMES: f64 = -4.0;
pub(crate) const OTHER_FIRST_NAME: f64 = -4.0;
pub(crate) const OTHER_LAST_NAME: f64 = -2.5;
pub(crate) const OTHER_NAMES: f64 = -3.0;

/// How much of that counts against an address in common.
pub(crate) const SHARE_AGAINST_EMAIL: f64 = 0.6;

/// Two accounts with logins in one id space.
pub(crate) const OTHER_ACCOUNT: f64 = -1.2;
pub(crate) const NAMESAKES: f64 = -4.0;

pub(crate) fn logit(precision: f64) -> f64 {
    (precision / (1.0 - precision)).ln()
}

pub(crate) fn same_full_name(rule: Rule, rarest: u8, words: usize) -> f64 {
    let common = rarest > RARE_NAMES;
    match rule {
        Rule::NameOrder => 2.6,
        _ if words > 2 => 4.6,
        _ if common => 3.6,
        _ => 4.4,
    }
}

/// "M. Holt" twice.
pub(crate) fn same_initials(rarest: u8) -> f64 {
    if rarest > 1 { 0.3 } else { 1.2 }
}

pub(crate) fn middle_name(rare: bool) -> f64 {
    if rare { 1.7 } else { 0.9 }
}

pub(crate) fn nickname(rare: bool) -> f64 {
    if rare { 1.7 } else { 0.4 }
}

pub(crate) fn similar_name(rare: bool) -> f64 {
    if rare { 1.0 } else { -0.5 }
}

/// One word the same, an initial for the other; by how many full names have the word.
pub(crate) fn name_initial(rarity: u8) -> f64 {
    match rarity {
        0..=1 => 1.2,
        2 => 0.3,
        3..=4 => -1.0,
        _ => -2.5,
    }
}

/// Logins or local parts that are equal; `is_word`: other people's names have it as a word.
pub(crate) fn same_handle(a: HandleKind, b: HandleKind, len: u8, is_word: bool) -> (Rule, f64) {
    use HandleKind::{Local, Login, Name, Relay};
    let length = match len {
        0..=4 => 0,
        5..=6 => 1,
        7..=9 => 2,
        _ => 3,
    };
    match (a, b) {
        (Login | Relay, Login | Relay) => {
            (Rule::SameLogin, if is_word { [-0.5, 0.6, 2.0, 3.6][length] } else { [3.6, 4.4, 4.8, 5.0][length] })
        }
        (Local, Local) => (Rule::SameLocalPart, if is_word { [-2.0, -1.3, -0.4, 0.8][length] } else { [-0.5, 1.6, 3.0, 3.0][length] }),
        (Name, Name) => (Rule::SingleName, if is_word { [-2.0, -1.3, -0.4, 0.8][length] } else { [0.2, 1.6, 2.0, 2.4][length] }),
        _ => (Rule::SameLogin, if is_word { [-1.0, 0.2, 1.4, 2.6][length] } else { [3.2, 3.8, 4.2, 4.6][length] }),
    }
}

pub(crate) fn same_but_digits(len: u8, is_word: bool) -> f64 {
    match (is_word, len) {
        (true, _) => -1.0,
        (false, 0..=5) => 0.5,
        (false, _) => 1.4,
    }
}

/// What a login in common loses by other people whose names make it as well: `mholt`, where there is a Magnus Holt beside Mina.
pub(crate) fn rivals(rivals: u8) -> f64 {
    if rivals == 0 { 0.0 } else { -RIVAL - f64::from(rivals).ln() }
}

const RIVAL: f64 = 2.2;

/// A login made of a name; `first`, `last`: how many full names have its first and its last word.
pub(crate) fn login_from_name(shape: Shape, first: u8, last: u8) -> f64 {
    let rare = |seen: u8| seen <= RARE_NAMES;
    let only = |seen: u8| seen <= 1;
    match shape {
        Shape::FirstLast | Shape::AllWords => 3.0,
        Shape::LastFirst => 2.6,
        Shape::InitialsLast => 3.2,
        Shape::InitialLast if rare(last) => 2.8,
        Shape::InitialLast => 0.7,
        Shape::LastInitial => 0.8,
        Shape::FirstInitial if only(first) => 1.9,
        Shape::FirstInitial => -0.6,
        Shape::Initials => 1.4,
        Shape::Last if only(last) => 1.1,
        Shape::Last if rare(last) => -0.3,
        Shape::Last => -1.7,
        Shape::First if only(first) => -0.3,
        Shape::First => -1.6,
    }
}

/// The same with digits behind: `mholt7`.
pub(crate) const SHAPE_WITH_DIGITS: f64 = -0.5;

/// A domain with at most so many accounts can be one person's.
pub(crate) const PERSONAL_DOMAIN: u8 = 3;

/// A domain's own label is the login.
pub(crate) fn domain_handle(len: u8, is_word: bool) -> f64 {
    match (is_word, len) {
        (true, _) => -1.0,
        (false, 0..=4) => 0.2,
        (false, 5..=6) => 1.5,
        (false, _) => 2.5,
    }
}

pub(crate) fn domain_from_name(shape: Shape) -> f64 {
    match shape {
        Shape::FirstLast | Shape::LastFirst | Shape::AllWords | Shape::InitialsLast => 2.5,
        Shape::Last => 0.2,
        Shape::InitialLast | Shape::LastInitial | Shape::FirstInitial => 0.5,
        Shape::Initials | Shape::First => -2.0,
    }
}

/// An address each at one domain that is nobody's mail service; `accounts`: how many have one there.
pub(crate) fn same_domain(accounts: u8) -> f64 {
    match accounts {
        0..=2 => -0.5,
        3..=4 => -1.5,
        _ => -2.8,
    }
}

/// What all that is not an e-mail loses as the corpus grows beyond the size the table was measured at.
const MEASURED_AT: f64 = 5_000.0;
const LOSS_PER_E_FOLD: f64 = 0.6;

pub(crate) fn size_loss(accounts: usize) -> f64 {
    // in steps, so that a handful of new accounts does not change every score
    let e_folds = (accounts as f64 / MEASURED_AT).max(1.0).ln();
    -LOSS_PER_E_FOLD * (e_folds * 4.0).floor() / 4.0
}

/// How much families beside the best one count, and from where on.
pub(crate) const SHARE: f64 = 0.4;
pub(crate) const FLOOR: f64 = -3.5;

/// Seen together so often; each further time says less.
pub(crate) fn seen_together(count: u32, is_exclusive: bool) -> f64 {
    let often = f64::from(count.min(1_000)).ln();
    let base = if is_exclusive { 0.5 } else { -2.0 };
    (base + 0.9 * often).min(3.5)
}

//! Two names side by side.

use crate::{
    features::{Name, Word},
    name::NameKind,
    nicknames,
    outcome::Rule,
    table,
};

/// What comparing two names gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum NameResult {
    /// Nothing to compare: a name is missing, a single word, or in another script.
    Unknown,
    /// Log-odds of one person by the names alone.
    Same(Rule, f64),
    /// Different, and how much (log-odds) that speaks against whatever else there is.
    Different(f64),
}

/// How the words of two names go together.
#[derive(Default)]
struct Alignment {
    exact: usize,
    /// Full names that have the rarest of the exact words.
    rarity: u8,
    short_forms: usize,
    initials: usize,
    similar: usize,
    /// Words without a counterpart.
    left: usize,
    right: usize,
    /// The last words are the same.
    last: bool,
    first: bool,
}

/// `rarity_*`: how many full names have each word.
pub(crate) fn compare(a: &Name, b: &Name, rarity_a: &[u8], rarity_b: &[u8]) -> NameResult {
    if a.kind == NameKind::Single || b.kind == NameKind::Single || is_ascii(a) != is_ascii(b) {
        return NameResult::Unknown;
    }
    if a.numeral != b.numeral {
        return NameResult::Different(table::OTHER_NUMERAL);
    }
    let sure = a.kind == NameKind::Full && b.kind == NameKind::Full;
    if a.squeezed == b.squeezed || a.sorted == b.sorted || a.squeezed == b.turned || a.turned == b.squeezed {
        return equal(a, b, rarity_a);
    }
    let alignment = align(a, b, rarity_a, rarity_b);
    match classify(&alignment) {
        Some((rule, log_odds)) => NameResult::Same(rule, log_odds),
        None if !sure => NameResult::Unknown,
        None => NameResult::Different(against(&alignment)),
    }
}

fn equal(a: &Name, b: &Name, rarity: &[u8]) -> NameResult {
    let rarest = a.words.iter().zip(rarity).filter(|(word, _)| !word.is_initial).map(|(_, rarity)| *rarity).min().unwrap_or_default();
    if a.kind == NameKind::Initials || b.kind == NameKind::Initials {
        return NameResult::Same(Rule::NameInitial, table::same_initials(rarest));
    }
    let rule = if a.squeezed == b.squeezed { Rule::ExactFullName } else { Rule::NameOrder };
    let words = a.words.iter().filter(|word| !word.is_initial).count();
    NameResult::Same(rule, table::same_full_name(rule, rarest, words))
}

fn is_ascii(name: &Name) -> bool {
    name.words.iter().all(|word| word.text.is_ascii())
}

fn align(a: &Name, b: &Name, rarity_a: &[u8], rarity_b: &[u8]) -> Alignment {
    let mut alignment = Alignment { rarity: u8::MAX, ..Alignment::default() };
    let (mut used_a, mut used_b) = (0u32, 0u32);
    let (last_a, last_b) = (a.words.len() - 1, b.words.len() - 1);
    let mut pair = |is_match: &dyn Fn(usize, usize, &Word, &Word) -> bool| {
        let mut count = 0;
        for (i, one) in a.words.iter().enumerate() {
            for (j, other) in b.words.iter().enumerate() {
                if used_a & (1 << i.min(31)) == 0 && used_b & (1 << j.min(31)) == 0 && is_match(i, j, one, other) {
                    used_a |= 1 << i.min(31);
                    used_b |= 1 << j.min(31);
                    count += 1;
                }
            }
        }
        count
    };
    alignment.exact = pair(&|_, _, one, other| one.id == other.id && !one.is_initial);
    alignment.short_forms = pair(&|i, j, one, other| {
        (i != last_a || j != last_b) && (nicknames::are_related(one.full_forms, other.full_forms) || is_shortened(one, other))
    });
    alignment.similar = pair(&|_, _, one, other| are_similar(one, other));
    alignment.initials = pair(&|_, _, one, other| (one.is_initial || other.is_initial) && one.first == other.first);
    alignment.left = a.words.len() - used_a.count_ones() as usize;
    alignment.right = b.words.len() - used_b.count_ones() as usize;
    alignment.last = a.words[last_a].id == b.words[last_b].id;
    alignment.first = a.words[0].id == b.words[0].id;
    for (words, rarity) in [(&a.words, rarity_a), (&b.words, rarity_b)] {
        let others = if std::ptr::eq(words, &a.words) { &b.words } else { &a.words };
        for (word, rarity) in words.iter().zip(rarity).filter(|(word, _)| !word.is_initial) {
            if others.iter().any(|other| other.id == word.id) {
                alignment.rarity = alignment.rarity.min(*rarity);
            }
        }
    }
    alignment
}

/// "Alex" of "Alexander".
fn is_shortened(a: &Word, b: &Word) -> bool {
    let (short, long) = if a.text.len() < b.text.len() { (&a.text, &b.text) } else { (&b.text, &a.text) };
    short.chars().count() >= 3 && long.starts_with(&**short)
}

/// A letter or two apart in a long word.
fn are_similar(a: &Word, b: &Word) -> bool {
    let longest = a.text.len().max(b.text.len());
    let most = match longest {
        0..=4 => 0,
        5..=8 => 1,
        _ => 2,
    };
    most > 0 && a.text.len().abs_diff(b.text.len()) <= most && strsim::levenshtein(&a.text, &b.text) <= most
}

fn classify(words: &Alignment) -> Option<(Rule, f64)> {
    let unmatched = words.left.min(words.right);
    let rare = words.rarity <= table::RARE_NAMES;
    match (words.exact, words.short_forms, words.similar, words.initials) {
        (2.., _, _, _) if unmatched == 0 => {
            Some((Rule::MiddleName, if words.initials > 0 { table::MIDDLE_INITIAL } else { table::middle_name(rare) }))
        }
        (2.., _, _, _) => Some((Rule::MiddleName, table::OTHER_MIDDLE_NAME)),
        (1, 1.., _, _) if unmatched == 0 => Some((Rule::Nickname, table::nickname(rare))),
        (1, 0, 1.., _) if unmatched == 0 => Some((Rule::SimilarName, table::similar_name(rare))),
        (1, 0, 0, 1..) if unmatched == 0 => Some((Rule::NameInitial, table::name_initial(words.rarity))),
        (0, 0, 2.., _) if unmatched == 0 => Some((Rule::SimilarName, table::BOTH_SIMILAR)),
        (0, 1.., 1.., _) if unmatched == 0 => Some((Rule::SimilarName, table::BOTH_SIMILAR)),
        _ => None,
    }
}

fn against(words: &Alignment) -> f64 {
    if words.exact == 0 {
        table::DISJOINT_NAMES
    } else if words.first {
        table::OTHER_LAST_NAME
    } else if words.last {
        table::OTHER_FIRST_NAME
    } else {
        table::OTHER_NAMES
    }
}

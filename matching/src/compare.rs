//! Two accounts side by side: the best evidence of each family, what speaks against, and the sum.

use crate::{
    activity,
    compare_names::{self, NameResult},
    config::MatchConfig,
    corpus::Context,
    features::{Features, Handle, HandleKind},
    outcome::{Family, Rule},
    table,
};

/// One piece of evidence, small enough for millions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Signal {
    pub(crate) rule: Rule,
    pub(crate) family: Family,
    pub(crate) log_odds: f64,
    /// Which handle it is about, where that matters.
    pub(crate) handle: Option<HandleRef>,
}

/// A handle of one of the two accounts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HandleRef {
    pub(crate) is_first: bool,
    pub(crate) index: u8,
}

pub(crate) const MOST_SIGNALS: usize = 10;

/// What two accounts have to do with each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    signals: [Option<Signal>; MOST_SIGNALS],
    /// Log-odds of one person.
    pub(crate) total: f64,
    /// Two people of one name, as far as can be seen.
    pub(crate) are_namesakes: bool,
    /// An address in common carries the total.
    pub(crate) by_email: bool,
}

impl Comparison {
    /// Those that count, as they count.
    pub(crate) fn signals(&self) -> impl Iterator<Item = Signal> + '_ {
        self.signals.iter().flatten().copied()
    }
}

/// One account with what the crowd says about it.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) features: &'a Features,
    pub(crate) context: &'a Context,
    pub(crate) is_bot: bool,
}

/// Times two accounts were seen together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Together {
    pub(crate) count: u32,
    /// Neither was seen more often with another account of the same kind.
    pub(crate) is_exclusive: bool,
}

/// The evidence of the pair, in either order the same.
pub(crate) fn compare(a: Side<'_>, b: Side<'_>, together: Together, corpus_loss: f64, config: &MatchConfig) -> Comparison {
    let weights = &config.weights;
    let email = email(a, b).map(|signal| weighted(signal, weights.email));
    let are_bots = a.is_bot && b.is_bot;
    // names of bots are words like "deploy bot": they say nothing about which one
    let names = if are_bots { NameResult::Unknown } else { names(a, b) };
    let name = match names {
        NameResult::Same(rule, log_odds) => Some(weighted(Signal { rule, family: Family::Name, log_odds, handle: None }, weights.name)),
        _ => None,
    };
    let account =
        account(a, b, names).filter(|signal| !are_bots || signal.rule == Rule::SameLogin).map(|signal| weighted(signal, weights.account));
    let domain = domain(a, b).filter(|_| !are_bots).map(|signal| weighted(signal, weights.domain));
    let co_occurrence = (together.count > 0).then(|| {
        let log_odds = table::seen_together(together.count, together.is_exclusive);
        weighted(Signal { rule: Rule::CoOccurrence, family: Family::CoOccurrence, log_odds, handle: None }, weights.co_occurrence)
    });
    let mut families = [email, name, account, domain, co_occurrence];
    families.sort_by(|a, b| log_odds(b).total_cmp(&log_odds(a)));
    let mut comparison = Comparison { signals: [None; MOST_SIGNALS], total: table::FLOOR * 2.0, are_namesakes: false, by_email: false };
    let Some(best) = families[0] else { return comparison };
    comparison.by_email = best.family == Family::Email;
    let mut place = 0;
    let mut total = 0.0;
    let mut push = |signal: Signal| {
        if (place == 0 || signal.log_odds != 0.0) && place < MOST_SIGNALS {
            comparison.signals[place] = Some(signal);
            place += 1;
            total += signal.log_odds;
        }
    };
    push(best);
    for other in families[1..].iter().flatten() {
        push(Signal { log_odds: (table::SHARE * (other.log_odds - table::FLOOR)).max(0.0), ..*other });
    }
    let against = |rule, log_odds| Signal { rule, family: Family::Name, log_odds, handle: None };
    if let NameResult::Different(log_odds) = names {
        // an address outlives marriages and pen names
        let share = if comparison.by_email { table::SHARE_AGAINST_EMAIL } else { 1.0 };
        push(against(Rule::OtherName, log_odds * weights.name * share));
    }
    let held = [name, account, domain].iter().any(|signal| log_odds(signal) > table::FLOOR);
    let are_elsewhere = a.features.space != b.features.space;
    if held && are_elsewhere && !are_bots && !comparison.by_email && together.count == 0 && weights.co_occurrence > 0.0 {
        let rhythms = (a.features.rhythm.as_deref(), b.features.rhythm.as_deref());
        if let Some((rule, family, log_odds)) = activity::signal(rhythms.0, rhythms.1, is_common(a) || is_common(b)) {
            push(Signal { rule, family, log_odds: log_odds * weights.co_occurrence, handle: None });
        }
    }
    if !comparison.by_email {
        if are_other_accounts(a.features, b.features) {
            push(Signal {
                rule: Rule::OtherAccount,
                family: Family::Account,
                log_odds: table::OTHER_ACCOUNT * weights.account,
                handle: None,
            });
        }
        let related = account.is_some_and(|signal| signal.log_odds > 0.0 && signal.rule != Rule::LoginFromName);
        if config.switches.ask_about_namesakes && name.is_some_and(is_one_name) && !related && have_own_addresses(a.features, b.features) {
            push(against(Rule::Namesakes, table::NAMESAKES));
            comparison.are_namesakes = true;
        }
        push(Signal { rule: Rule::CorpusSize, family: Family::Corpus, log_odds: corpus_loss, handle: None });
    }
    comparison.total = total;
    comparison
}

/// Whether every word of the account's name is common.
fn is_common(side: Side<'_>) -> bool {
    let Some(name) = &side.features.name else { return false };
    let mut seen = name.words.iter().zip(&side.context.words).filter(|(word, _)| !word.is_initial).map(|(_, seen)| *seen);
    seen.all(|seen| seen > table::RARE_NAMES)
}

fn weighted(signal: Signal, weight: f64) -> Signal {
    // a weight below 1 makes evidence for weaker and never stronger
    let log_odds = if signal.log_odds >= 0.0 { signal.log_odds * weight } else { signal.log_odds / weight.max(0.1) };
    let log_odds = if weight == 0.0 { table::FLOOR } else { log_odds };
    Signal { log_odds, ..signal }
}

fn log_odds(signal: &Option<Signal>) -> f64 {
    signal.map_or(f64::NEG_INFINITY, |signal| signal.log_odds)
}

fn is_one_name(signal: Signal) -> bool {
    matches!(signal.rule, Rule::ExactFullName | Rule::NameOrder)
}

fn email(a: Side<'_>, b: Side<'_>) -> Option<Signal> {
    let (one, other) = (a.features.email?, b.features.email?);
    if one != other || a.context.is_shared_mailbox || b.context.is_shared_mailbox {
        return None;
    }
    let (rule, log_odds) = match a.features.relay {
        Some(_) => (Rule::RelayAccount, table::RELAY_ACCOUNT),
        None => (Rule::ExactEmail, table::EXACT_EMAIL),
    };
    Some(Signal { rule, family: Family::Email, log_odds, handle: None })
}

fn names(a: Side<'_>, b: Side<'_>) -> NameResult {
    match (&a.features.name, &b.features.name) {
        (Some(one), Some(other)) => compare_names::compare(one, other, &a.context.words, &b.context.words),
        _ => NameResult::Unknown,
    }
}

/// Two logins of one id space, or two numbers of one relay.
fn are_other_accounts(a: &Features, b: &Features) -> bool {
    let logins = a.has_login && b.has_login && a.space == b.space && a.account != b.account;
    let relays = a.relay.zip(b.relay).is_some_and(|(a, b)| a.0 == b.0 && a.1 != b.1);
    logins || relays
}

/// Both have an account and a different address that is not a mail provider's; or addresses at one of the organisation's own domains.
fn have_own_addresses(a: &Features, b: &Features) -> bool {
    let (Some(one), Some(other)) = (a.email, b.email) else { return false };
    let own = |features: &Features| features.domain.is_some() && !features.is_free_mail;
    let accounts = a.has_login && b.has_login && own(a) && own(b);
    one != other && (accounts || (a.is_own_domain && b.is_own_domain && a.domain == b.domain))
}

fn account(a: Side<'_>, b: Side<'_>, names: NameResult) -> Option<Signal> {
    let mut best: Option<Signal> = None;
    let mut offer = |rule: Rule, log_odds: f64, is_first: bool, index: usize| {
        if best.is_none_or(|best| log_odds > best.log_odds) {
            let handle = Some(HandleRef { is_first, index: u8::try_from(index).unwrap_or(u8::MAX) });
            best = Some(Signal { rule, family: Family::Account, log_odds, handle });
        }
    };
    for (index, one) in handles(a.features) {
        for (other_index, other) in handles(b.features) {
            if one.key == other.key {
                // the local part of one address is the address once more
                if a.features.email.is_some()
                    && a.features.email == b.features.email
                    && is_of_address(one.kind)
                    && is_of_address(other.kind)
                {
                    continue;
                }
                let is_word = is_word(a, b, index, other_index);
                let (rule, log_odds) = table::same_handle(one.kind, other.kind, one.len, is_word);
                let carriers = a.context.handles[index.min(3)].carriers.max(b.context.handles[other_index.min(3)].carriers);
                let rivals = table::rivals(rivals(a, b, one.key, a.context.handles[index.min(3)].makers));
                offer(rule, log_odds - crowd(carriers) + rivals, true, index);
            } else if one.base_key != 0 && (one.base_key == other.base_key || one.base_key == other.key)
                || other.base_key != 0 && other.base_key == one.key
            {
                let len = one.len.min(other.len);
                let log_odds = table::same_but_digits(len, is_word(a, b, index, other_index));
                offer(Rule::LoginDigits, log_odds, true, index);
            }
        }
    }
    // of two full names the login says nothing new
    if !matches!(names, NameResult::Different(_) | NameResult::Same(Rule::ExactFullName | Rule::NameOrder, _)) {
        for (is_first, (from, to)) in [(true, (a, b)), (false, (b, a))] {
            if from.features.name.as_ref().is_some_and(|name| name.is_full())
                && to.features.name.as_ref().is_some_and(|name| name.is_full())
            {
                continue;
            }
            for (index, handle) in handles(from.features) {
                if let Some(log_odds) = from_name(handle, to) {
                    offer(Rule::LoginFromName, log_odds, is_first, index);
                }
            }
        }
    }
    best
}

fn from_name(handle: &Handle, to: Side<'_>) -> Option<f64> {
    let name = to.features.name.as_ref()?;
    let mut seen = name.words.iter().zip(&to.context.words).filter(|(word, _)| !word.is_initial).map(|(_, seen)| *seen);
    let first = seen.next().unwrap_or_default();
    let last = seen.next_back().unwrap_or(first);
    let shape = |key: u64| to.features.shapes.binary_search_by_key(&key, |(key, _)| *key).ok().map(|place| to.features.shapes[place].1);
    if let Some(shape) = shape(handle.key) {
        return Some(table::login_from_name(shape, first, last));
    }
    let shape = shape(handle.base_key).filter(|_| handle.base_key != 0)?;
    Some(table::login_from_name(shape, first, last) + table::SHAPE_WITH_DIGITS)
}

fn handles(features: &Features) -> impl Iterator<Item = (usize, &Handle)> {
    features.handles.iter().enumerate().filter(|(_, handle)| handle.kind != HandleKind::Domain && !handle.is_generic)
}

/// Whether other people's names have the login as a word.
fn is_word(a: Side<'_>, b: Side<'_>, index: usize, other_index: usize) -> bool {
    let seen = a.context.handles[index.min(3)].words.max(b.context.handles[other_index.min(3)].words);
    let id = a.features.handles[index].id;
    let full = |features: &Features| {
        features.name.as_ref().filter(|name| name.is_full()).map(|name| (name.sorted, name.words.iter().any(|word| word.id == id)))
    };
    let own = match (full(a.features), full(b.features)) {
        (Some((one, true)), Some((other, true))) => 1 + u8::from(one != other),
        (Some((_, true)), _) | (_, Some((_, true))) => 1,
        _ => 0,
    };
    seen > own
}

fn is_of_address(kind: HandleKind) -> bool {
    matches!(kind, HandleKind::Local | HandleKind::Relay)
}

/// Other people whose names would make the login, of `makers` in all. One of these is who has it, known or not.
fn rivals(a: Side<'_>, b: Side<'_>, key: u64, makers: u8) -> u8 {
    let sorted = |side: Side<'_>| side.features.name.as_ref().filter(|_| side.features.makes(key)).map(|name| name.sorted);
    let own = match (sorted(a), sorted(b)) {
        (Some(one), Some(other)) if one != other => 2,
        _ => 1,
    };
    makers.saturating_sub(own)
}

/// What a login loses that many people's accounts carry.
fn crowd(carriers: u8) -> f64 {
    f64::from(carriers.saturating_sub(2)) * 0.8
}

fn domain(a: Side<'_>, b: Side<'_>) -> Option<Signal> {
    let mut best: Option<Signal> = None;
    let mut offer = |rule: Rule, log_odds: f64| {
        if best.is_none_or(|best| log_odds > best.log_odds) {
            best = Some(Signal { rule, family: Family::Domain, log_odds, handle: None });
        }
    };
    let same = a.features.domain.is_some()
        && a.features.domain == b.features.domain
        && !a.features.is_free_mail
        && a.features.email != b.features.email;
    if same {
        offer(Rule::SameDomain, table::same_domain(a.context.domain));
    }
    for (from, to) in [(a, b), (b, a)] {
        // a domain of many is a company's or a provider's
        if from.context.domain > table::PERSONAL_DOMAIN {
            continue;
        }
        let Some((index, label)) = from.features.handles.iter().enumerate().find(|(_, handle)| handle.kind == HandleKind::Domain) else {
            continue;
        };
        for (_, handle) in handles(to.features).filter(|(_, handle)| handle.key == label.key) {
            let is_word = from.context.handles[index.min(3)].words > 1;
            offer(Rule::DomainFromName, table::domain_handle(handle.len, is_word));
        }
        if let Ok(place) = to.features.shapes.binary_search_by_key(&label.key, |(key, _)| *key) {
            offer(Rule::DomainFromName, table::domain_from_name(to.features.shapes[place].1));
        }
    }
    best
}

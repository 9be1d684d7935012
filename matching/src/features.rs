//! What can be said about one account by itself: worked out once and kept as long as the account does not change.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use crate::{
    activity::Rhythm,
    bot,
    config::MatchConfig,
    email::{self, AddressKind},
    name::{self, NameKind, ParsedName},
    nicknames,
    text::{known, squeeze},
    types::IdentityIn,
    words::{GENERIC_HANDLES, ROLE_LOCALS},
};

/// A text of the corpus as a number, equal for equal texts.
pub(crate) type Id = u32;

/// Gives texts their numbers.
#[derive(Default)]
pub(crate) struct Interner {
    ids: FxHashMap<Box<str>, Id>,
}

impl Interner {
    pub(crate) fn id(&mut self, text: &str) -> Id {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = Id::try_from(self.ids.len()).unwrap_or(Id::MAX);
        self.ids.insert(text.into(), id);
        id
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }
}

pub(crate) struct Word {
    pub(crate) id: Id,
    pub(crate) text: Box<str>,
    pub(crate) first: char,
    pub(crate) is_initial: bool,
    pub(crate) full_forms: Option<&'static [u16]>,
}

pub(crate) struct Name {
    pub(crate) kind: NameKind,
    pub(crate) words: Vec<Word>,
    /// All words in their order, without blanks.
    pub(crate) squeezed: Id,
    /// The last word first, without blanks.
    pub(crate) turned: Id,
    /// The words in alphabetical order.
    pub(crate) sorted: Id,
    pub(crate) numeral: Option<Id>,
}

impl Name {
    /// Whether it is surely a full name, so that another full name speaks against.
    pub(crate) fn is_full(&self) -> bool {
        self.kind == NameKind::Full
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandleKind {
    Login,
    /// The login in a relay's address.
    Relay,
    /// The local part of an address.
    Local,
    /// A display name of one word.
    Name,
    /// What the owner of a domain called it.
    Domain,
}

/// A text people choose to be known by.
pub(crate) struct Handle {
    pub(crate) kind: HandleKind,
    /// Letters and digits only.
    pub(crate) id: Id,
    pub(crate) key: u64,
    /// Without digits at the end; 0 if that leaves too little.
    pub(crate) base_key: u64,
    pub(crate) text: Box<str>,
    pub(crate) len: u8,
    /// Of a kind that many people choose.
    pub(crate) is_generic: bool,
}

impl Features {
    /// Whether the account's full name makes a login of this key in a way in which others' names make it, too.
    pub(crate) fn makes(&self, key: u64) -> bool {
        let shape = self.shapes.binary_search_by_key(&key, |(key, _)| *key).ok().map(|place| self.shapes[place].1);
        shape.is_some_and(Shape::is_predictable) && self.name.as_ref().is_some_and(Name::is_full)
    }
}

/// How a login can be made of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Shape {
    FirstLast,
    LastFirst,
    AllWords,
    InitialLast,
    InitialsLast,
    LastInitial,
    FirstInitial,
    Initials,
    Last,
    First,
}

impl Shape {
    /// Whether it leaves so much of the name out that several people of an organisation may come to the same login.
    pub(crate) fn is_predictable(self) -> bool {
        matches!(self, Self::InitialLast | Self::InitialsLast | Self::LastInitial | Self::FirstInitial | Self::Initials)
    }
}

pub(crate) struct Features {
    /// The id space: source and host.
    pub(crate) space: Id,
    /// The account's id in it.
    pub(crate) account: Id,
    pub(crate) has_login: bool,
    pub(crate) email: Option<Id>,
    /// Distinct full names above which the address is a mailbox of several people.
    pub(crate) most_names: u32,
    pub(crate) domain: Option<Id>,
    pub(crate) is_free_mail: bool,
    pub(crate) is_own_domain: bool,
    /// The number of a relay's account.
    pub(crate) relay: Option<(Id, Id)>,
    pub(crate) name: Option<Name>,
    pub(crate) handles: Vec<Handle>,
    /// Ascending by key.
    pub(crate) shapes: Vec<(u64, Shape)>,
    /// Why its own fields make it a bot's.
    pub(crate) bot_sign: Option<String>,
    pub(crate) rhythm: Option<Box<Rhythm>>,
}

/// Whatever is compared with a login carries the same key as the login.
pub(crate) fn handle_key(squeezed: &str) -> u64 {
    key_of(1, squeezed)
}

pub(crate) fn key_of(kind: u8, value: impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    kind.hash(&mut hasher);
    value.hash(&mut hasher);
    hasher.finish()
}

pub(crate) fn of(identity: &IdentityIn, config: &MatchConfig, ids: &mut Interner) -> Features {
    // an address in the name field is an address
    let shown = identity.display_name.as_deref().filter(|text| text.contains('@'));
    let given = identity.email.as_deref().filter(|_| !name::is_gateway(identity.display_name.as_deref()));
    let address = email::parse(given).or_else(|| email::parse(shown));
    let parsed = name::parse(identity.display_name.as_deref());
    let handles = handles(identity, address.as_ref(), parsed.as_ref(), config, ids);
    let shapes = parsed.as_ref().filter(|_| config.switches.logins_from_names).map(shapes).unwrap_or_default();
    let usable = address.as_ref().filter(|address| address.key().is_some());
    let relay = match usable.map(|address| (&address.kind, &address.domain)) {
        Some((AddressKind::Relay { number: Some(number), .. }, domain)) => Some((ids.id(domain), ids.id(number))),
        _ => None,
    };
    let real = usable.filter(|address| address.kind == AddressKind::Real);
    Features {
        space: ids.id(&format!("{}\n{}", identity.source, identity.host)),
        account: ids.id(&format!("{}\n{}\n{}", identity.source, identity.host, identity.external_id)),
        has_login: known(identity.username.as_deref()).is_some(),
        email: usable.and_then(email::Address::key).map(|key| ids.id(&key)),
        most_names: usable.map_or(0, |address| email::most_names(&address.local)),
        domain: real.map(|address| ids.id(&address.domain)),
        is_free_mail: real.is_some_and(|address| address.is_free_mail(&config.free_mail_domains)),
        is_own_domain: real.is_some_and(|address| config.corporate_domains.contains(&address.domain)),
        relay,
        name: parsed.map(|parsed| interned(parsed, config, ids)),
        handles,
        shapes,
        bot_sign: bot::sign(identity, &config.service_account_words).filter(|_| config.switches.detect_service_accounts),
        rhythm: identity.activity.as_ref().and_then(|activity| Rhythm::new(activity, ids)).map(Box::new),
    }
}

fn interned(parsed: ParsedName, config: &MatchConfig, ids: &mut Interner) -> Name {
    let squeezed = ids.id(&parsed.words.concat());
    let turned = match parsed.words.split_last() {
        Some((last, rest)) => ids.id(&format!("{last}{}", rest.concat())),
        None => squeezed,
    };
    let mut sorted = parsed.words.clone();
    sorted.sort_unstable();
    let sorted = ids.id(&sorted.join(" "));
    let numeral = (!parsed.numeral.is_empty()).then(|| ids.id(&parsed.numeral));
    let word = |text: String| Word {
        id: ids.id(&text),
        first: text.chars().next().unwrap_or(' '),
        is_initial: name::is_initial(&text),
        full_forms: nicknames::full_forms(&text).filter(|_| config.switches.nicknames),
        text: text.into(),
    };
    Name { kind: parsed.kind, words: parsed.words.into_iter().map(word).collect(), squeezed, turned, sorted, numeral }
}

fn handles(
    identity: &IdentityIn,
    address: Option<&email::Address>,
    name: Option<&ParsedName>,
    config: &MatchConfig,
    ids: &mut Interner,
) -> Vec<Handle> {
    let mut handles: Vec<Handle> = Vec::with_capacity(3);
    let mut push = |kind: HandleKind, text: &str| {
        let squeezed = squeeze(text);
        let letters = squeezed.chars().filter(|c| c.is_alphabetic()).count();
        if letters < 2 || handles.iter().any(|handle| *handle.text == *squeezed) {
            return;
        }
        let base = squeezed.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_generic = GENERIC_HANDLES.contains(&squeezed.as_str()) || ROLE_LOCALS.contains(&squeezed.as_str());
        handles.push(Handle {
            kind,
            id: ids.id(&squeezed),
            key: handle_key(&squeezed),
            base_key: if base.chars().count() >= 4 { handle_key(base) } else { 0 },
            len: u8::try_from(squeezed.chars().count()).unwrap_or(u8::MAX),
            is_generic,
            text: squeezed.into(),
        });
    };
    if let Some(login) = known(identity.username.as_deref()) {
        push(HandleKind::Login, login.split('@').next().unwrap_or_default());
    }
    match address.map(|address| (&address.kind, address)) {
        Some((AddressKind::Relay { login, .. }, _)) => push(HandleKind::Relay, login),
        Some((AddressKind::Real | AddressKind::Machine, address)) => push(HandleKind::Local, &address.local),
        _ => {}
    }
    if let Some(name) = name.filter(|name| matches!(name.kind, NameKind::Single | NameKind::Joined)) {
        push(HandleKind::Name, &name.with_particles.concat());
    }
    if let Some(label) = address.filter(|address| !address.is_free_mail(&config.free_mail_domains)).and_then(email::Address::owner_label) {
        push(HandleKind::Domain, label);
    }
    handles
}

fn shapes(name: &ParsedName) -> Vec<(u64, Shape)> {
    let mut shapes = Vec::with_capacity(12);
    if name.kind != NameKind::Single {
        of_words(&name.words, &mut shapes);
        if name.with_particles != name.words {
            // "vanderberg" is one name to a login
            if let Some((first, rest)) = name.with_particles.split_first() {
                of_words(&[first.clone(), rest.concat()], &mut shapes);
            }
        }
        if let Some(german) = &name.german {
            of_words(german, &mut shapes);
        }
    }
    shapes.sort_unstable();
    shapes.dedup_by_key(|(key, _)| *key);
    shapes
}

fn of_words(words: &[String], shapes: &mut Vec<(u64, Shape)>) {
    let [first, .., last] = words else { return };
    let initial = |word: &str| word.chars().next().map(String::from).unwrap_or_default();
    let mut push = |shape: Shape, text: &str| {
        if text.chars().count() >= 2 {
            shapes.push((handle_key(text), shape));
        }
    };
    push(Shape::FirstLast, &format!("{first}{last}"));
    push(Shape::LastFirst, &format!("{last}{first}"));
    push(Shape::InitialLast, &format!("{}{last}", initial(first)));
    push(Shape::LastInitial, &format!("{last}{}", initial(first)));
    push(Shape::FirstInitial, &format!("{first}{}", initial(last)));
    // family name first
    push(Shape::FirstInitial, &format!("{}{first}", initial(last)));
    push(Shape::Last, last);
    push(Shape::First, first);
    let initials: String = words.iter().map(|word| initial(word)).collect();
    if words.len() > 2 {
        push(Shape::AllWords, &words.concat());
        push(Shape::Initials, &initials);
        let before_last: String = words[..words.len() - 1].iter().map(|word| initial(word)).collect();
        push(Shape::InitialsLast, &format!("{before_last}{last}"));
        push(Shape::InitialsLast, &format!("{last}{before_last}"));
    }
}

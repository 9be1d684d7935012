//! E-mail addresses: which ones identify somebody, and when two are the same.

use crate::{
    text::{fold, known},
    words::{FREE_MAIL, JUNK_DOMAINS, JUNK_LAST_LABELS, JUNK_LOCALS, RELAYS, ROLE_LOCALS},
};

/// Distinct full names seen with one address, above which it is a shared mailbox.
const MOST_NAMES: u32 = 3;
const MOST_NAMES_OF_ROLE: u32 = 1;

/// An address taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Before the `@`, without a `+tag`.
    pub(crate) local: String,
    pub(crate) domain: String,
    pub(crate) kind: AddressKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AddressKind {
    /// Mail arrives at one person or role.
    Real,
    /// A source's relay for the account of that number (if known) and login.
    Relay { number: Option<String>, login: String },
    /// Only within a machine or network: the local part may still be somebody's login.
    Machine,
    /// Placeholders and addresses nobody answers to.
    Junk,
}

impl Address {
    /// What two spellings of one address have in common; `None` if it identifies nobody.
    pub(crate) fn key(&self) -> Option<String> {
        match &self.kind {
            AddressKind::Real => Some(format!("{}@{}", self.local, self.domain)),
            AddressKind::Relay { number: Some(number), .. } => Some(format!("{number}@{}", self.domain)),
            AddressKind::Relay { number: None, login } => Some(format!("{login}@{}", self.domain)),
            AddressKind::Machine | AddressKind::Junk => None,
        }
    }

    /// The label of the domain that its owner chose: `holt` of `mail.holt.test`. `None` for relays and junk.
    pub(crate) fn owner_label(&self) -> Option<&str> {
        if self.kind != AddressKind::Real {
            return None;
        }
        let labels: Vec<&str> = self.domain.split('.').collect();
        let mut place = labels.len().checked_sub(2)?;
        // "co" in holt.co.uk
        if place > 0 && labels[place].len() <= 3 && labels[place + 1].len() == 2 {
            place -= 1;
        }
        Some(labels[place])
    }

    /// Whether everybody can have an address there.
    pub(crate) fn is_free_mail(&self, more: &[String]) -> bool {
        self.owner_label().is_some_and(|label| FREE_MAIL.contains(&label)) || more.contains(&self.domain)
    }
}

pub(crate) fn parse(text: Option<&str>) -> Option<Address> {
    let (local, domain) = parts(text)?;
    let bare = untagged(&local).to_owned();
    let kind = if RELAYS.contains(&domain.as_str()) {
        relay(&local)
    } else if bare.is_empty() || JUNK_LOCALS.contains(&bare.as_str()) || JUNK_DOMAINS.contains(&domain.as_str()) {
        AddressKind::Junk
    } else if is_machine(&domain) {
        AddressKind::Machine
    } else {
        AddressKind::Real
    };
    Some(Address { local: bare, domain, kind })
}

/// `123+login` as one forge writes it, `123-login` as another; older ones have the login only.
fn relay(local: &str) -> AddressKind {
    let split = local.split_once('+').or_else(|| local.split_once('-'));
    match split.filter(|(number, login)| !login.is_empty() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())) {
        Some((number, login)) => AddressKind::Relay { number: Some(number.to_owned()), login: login.to_owned() },
        None if local.is_empty() => AddressKind::Junk,
        None => AddressKind::Relay { number: None, login: local.to_owned() },
    }
}

/// Before the `@`, folded, without a `+tag`; of a relay the login.
pub(crate) fn local(text: Option<&str>) -> Option<String> {
    let address = parse(text)?;
    Some(match address.kind {
        AddressKind::Relay { login, .. } => login,
        _ => address.local,
    })
}

/// How many distinct full names may carry an address of this local part before it counts as shared.
pub(crate) fn most_names(local: &str) -> u32 {
    if ROLE_LOCALS.contains(&local) { MOST_NAMES_OF_ROLE } else { MOST_NAMES }
}

/// Whether mail to the address goes nowhere, as a service's own `noreply@` does.
pub(crate) fn is_noreply(text: Option<&str>) -> bool {
    parts(text).is_some_and(|(local, _)| matches!(untagged(&local), "noreply" | "no-reply" | "no_reply" | "donotreply" | "do-not-reply"))
}

fn parts(text: Option<&str>) -> Option<(String, String)> {
    let folded = fold(known(text)?);
    let (local, domain) = folded.split_once('@')?;
    let whole = !folded.contains(' ') && !domain.contains('@');
    whole.then(|| (local.to_owned(), domain.trim_end_matches('.').to_owned()))
}

fn untagged(local: &str) -> &str {
    local.split('+').next().unwrap_or_default()
}

fn is_machine(domain: &str) -> bool {
    let Some((_, last)) = domain.rsplit_once('.') else { return true };
    domain.split('.').any(str::is_empty)
        || JUNK_LAST_LABELS.contains(&last)
        // an address of a machine, as 10.0.0.7
        || last.chars().all(|c| c.is_ascii_digit())
        || domain.contains(['[', ']', '(', ')'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        parse(Some(text)).and_then(|address| address.key())
    }

    #[test]
    fn spellings_of_one_address_are_one() {
        for text in ["mina.holt@acme.test", " Mina.Holt@ACME.test ", "mina.holt+git@acme.test", "mina.holt@acme.test."] {
            assert_eq!(of(text).as_deref(), Some("mina.holt@acme.test"), "{text}");
        }
        assert_ne!(of("minaholt@acme.test"), of("mina.holt@acme.test"), "dots matter outside one provider");
    }

    #[test]
    fn a_private_relay_address_is_its_account_number() {
        assert_eq!(of("1234567+minah@users.noreply.github.com"), of("1234567+mina-holt@users.noreply.github.com"));
        assert_ne!(of("1234567+minah@users.noreply.github.com"), of("7654321+minah@users.noreply.github.com"));
    }

    #[test]
    fn junk_identifies_nobody() {
        for text in [
            "",
            "None",
            "null",
            "none@none",
            "mina",
            "@acme.test",
            "mina@",
            "+tag@acme.test",
            "a@b@acme.test",
            "mina holt@acme.test",
            "mina@laptop",
            "mina@laptop.local",
            "mina@laptop.(none)",
            "mina@host.localdomain",
            "mina@10.0.0.7",
            "mina@[10.0.0.7]",
            "mina@acme..test",
            "root@acme.test",
            "noreply@acme.test",
            "no-reply+7@acme.test",
            "you@example.com",
            "mina@example.org",
            "devnull@localhost",
            "test@acme.test",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn a_role_is_not_a_person() {
        assert_eq!(most_names("support"), 1);
        assert_eq!(most_names("supporter"), 3);
    }

    #[test]
    fn noreply_is_told_from_relays() {
        assert!(is_noreply(Some("NoReply@acme.test")));
        assert!(!is_noreply(Some("12+mina@users.noreply.github.com")));
        assert!(!is_noreply(None));
    }
}

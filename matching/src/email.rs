//! E-mail addresses: which ones identify somebody, and when two are the same.

use crate::text::{fold, known};

/// Local parts nobody answers to, and placeholders.
const JUNK_LOCALS: &[&str] = &[
    "noreply",
    "no-reply",
    "no_reply",
    "no.reply",
    "donotreply",
    "do-not-reply",
    "root",
    "nobody",
    "devnull",
    "none",
    "null",
    "unknown",
    "anonymous",
    "you",
    "your",
    "yourname",
    "your.name",
    "your.email",
    "youremail",
    "you.name",
    "user",
    "username",
    "name",
    "email",
    "test",
    "mailer-daemon",
    "daemon",
    "postmaster",
    "localhost",
];
/// Local parts that belong to a function: more than one full name means more than one person.
const ROLE_LOCALS: &[&str] = &[
    "abuse",
    "admin",
    "administrator",
    "build",
    "ci",
    "contact",
    "dev",
    "developers",
    "devops",
    "engineering",
    "git",
    "hello",
    "help",
    "helpdesk",
    "hostmaster",
    "info",
    "it",
    "jenkins",
    "mail",
    "office",
    "ops",
    "sales",
    "security",
    "support",
    "team",
    "webmaster",
];
/// Domains of documentation (RFC 2606) and of templates.
const JUNK_DOMAINS: &[&str] = &["example.com", "example.net", "example.org", "yourdomain.com", "domain.com", "email.com", "company.com"];
/// Last labels of names that mean something on one machine or network only.
const JUNK_LAST_LABELS: &[&str] = &["local", "localhost", "localdomain", "invalid", "(none)"];

/// Distinct full names seen with one address, above which it is a shared mailbox.
const MOST_NAMES: usize = 3;
const MOST_NAMES_OF_ROLE: usize = 1;

/// What two spellings of one address have in common; `None` if the text is no address that identifies somebody.
pub(crate) fn key(text: Option<&str>) -> Option<String> {
    let (local, domain) = parts(text)?;
    let local = untagged(&local);
    let junk = local.is_empty() || JUNK_LOCALS.contains(&local) || is_junk_domain(&domain);
    (!junk).then(|| format!("{local}@{domain}"))
}

/// How many distinct full names may carry the address of `key` before it counts as shared.
pub(crate) fn most_names(key: &str) -> usize {
    let local = key.split('@').next().unwrap_or_default();
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

fn is_junk_domain(domain: &str) -> bool {
    let Some((_, last)) = domain.rsplit_once('.') else { return true };
    domain.split('.').any(str::is_empty)
        || JUNK_DOMAINS.contains(&domain)
        || JUNK_LAST_LABELS.contains(&last)
        // an address of a machine, as 10.0.0.7
        || last.chars().all(|c| c.is_ascii_digit())
        || domain.contains(['[', ']', '(', ')'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        key(Some(text))
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
        assert_eq!(most_names("support@acme.test"), 1);
        assert_eq!(most_names("supporter@acme.test"), 3);
    }

    #[test]
    fn noreply_is_told_from_relays() {
        assert!(is_noreply(Some("NoReply@acme.test")));
        assert!(!is_noreply(Some("12+mina@users.noreply.github.com")));
        assert!(!is_noreply(None));
    }
}

//! Whose account is a service's. The source's own flag wins both ways; without one, whole words in the user name tell.

use crate::{email, text, types::IdentityIn, words::BOT_WORDS};

/// Words of a service in names of people: nobody's name ends in them.
const NAME_WORDS: &[&str] = &["bot", "buildbot", "dependabot", "jenkins", "renovate"];

/// Why the account's own fields make it a bot's; `None` if they don't.
pub(crate) fn sign(identity: &IdentityIn, more_words: &[String]) -> Option<String> {
    let known = |text: &Option<String>| text::known(text.as_deref()).map(text::fold);
    let username = known(&identity.username);
    if let Some(word) = username.as_deref().and_then(|text| bot_word(text, more_words)) {
        return Some(format!("`{word}` in the user name"));
    }
    let marked = [&identity.username, &identity.display_name, &identity.email];
    if marked.into_iter().flatten().any(|text| text.to_ascii_lowercase().contains("[bot]")) {
        return Some("marked `[bot]`".to_owned());
    }
    if username.is_none() {
        // a commit's author has no user name; the name and the address stand for it
        let name = known(&identity.display_name).unwrap_or_default();
        let words = || name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let is_more = |word: &&str| more_words.iter().any(|more| more == word);
        // of the known words only at the end: people are called "Bot Something"
        let last = || words().next_back().filter(|word| NAME_WORDS.contains(word));
        if let Some(word) = words().find(is_more).or_else(last) {
            return Some(format!("`{word}` in the name"));
        }
        let local = email::local(identity.email.as_deref()).unwrap_or_default();
        if let Some(word) = bot_word(&local, more_words) {
            return Some(format!("`{word}` in the address"));
        }
    }
    email::is_noreply(identity.email.as_deref()).then(|| "its address is a `noreply@`".to_owned())
}

fn bot_word(text: &str, more_words: &[String]) -> Option<String> {
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    words.find(|word| BOT_WORDS.contains(word) || more_words.iter().any(|more| more == word)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::account;

    #[test]
    fn whole_words_tell_a_bot() {
        for username in ["acme-ci", "project_17_bot_9f3", "deploy", "mina.bot", "svc_release", "Jenkins"] {
            assert!(sign(&account(1).username(username).build(), &[]).is_some(), "{username}");
        }
        for username in ["abbott", "cicely", "bothild", "service9", "deployka", "mina"] {
            assert_eq!(sign(&account(1).username(username).build(), &[]), None, "{username}");
        }
    }

    #[test]
    fn marks_and_noreply_tell_a_bot() {
        assert!(sign(&account(1).name("renew[bot]").build(), &[]).is_some());
        assert!(sign(&account(1).email("49+renew[bot]@users.noreply.github.com").build(), &[]).is_some());
        assert!(sign(&account(1).email("noreply@acme.test").build(), &[]).is_some());
        assert_eq!(sign(&account(1).name("Ciara Iversen").email("49+ciara@users.noreply.github.com").build(), &[]), None);
    }

    #[test]
    fn an_author_without_a_user_name_is_told_by_name_and_address() {
        assert!(sign(&account(1).name("Release Bot").email("release@acme.test").build(), &[]).is_some());
        assert!(sign(&account(1).name("Pipeline").email("acme-ci@acme.test").build(), &[]).is_some());
        assert_eq!(sign(&account(1).name("Ci Yang").email("yang@acme.test").build(), &[]), None);
        assert_eq!(sign(&account(1).username("mina").name("Release Bot").build(), &[]), None, "the user name tells");
    }

    #[test]
    fn an_organisation_adds_words() {
        let words = ["robot".to_owned()];
        assert!(sign(&account(1).username("acme-robot").build(), &words).is_some());
        assert_eq!(sign(&account(1).username("acme-robot").build(), &[]), None);
    }
}

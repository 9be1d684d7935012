//! Whose account is a service's. The source's own flag wins both ways; without one, whole words in the user name tell.

use crate::{email, text, types::IdentityIn};

const WORDS: &[&str] =
    &["automation", "bot", "buildbot", "ci", "dependabot", "deploy", "deployer", "jenkins", "renovate", "service", "serviceaccount", "svc"];

/// Why the account's own fields make it a bot's; `None` if they don't.
pub(crate) fn sign(identity: &IdentityIn) -> Option<String> {
    let username = text::known(identity.username.as_deref()).map(text::fold);
    if let Some(word) = username.as_deref().and_then(bot_word) {
        return Some(format!("`{word}` in the user name"));
    }
    let marked = [identity.username.as_deref(), identity.display_name.as_deref(), identity.email.as_deref()];
    if marked.into_iter().flatten().any(|text| text.to_ascii_lowercase().contains("[bot]")) {
        return Some("marked `[bot]`".to_owned());
    }
    email::is_noreply(identity.email.as_deref()).then(|| "its address is a `noreply@`".to_owned())
}

fn bot_word(username: &str) -> Option<&str> {
    username.split(|c: char| !c.is_alphanumeric()).find(|word| WORDS.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::account;

    #[test]
    fn whole_words_tell_a_bot() {
        for username in ["acme-ci", "project_17_bot_9f3", "deploy", "mina.bot", "svc_release", "Jenkins"] {
            assert!(sign(&account(1).username(username).build()).is_some(), "{username}");
        }
        for username in ["abbott", "cicely", "bothild", "service9", "deployka", "mina"] {
            assert_eq!(sign(&account(1).username(username).build()), None, "{username}");
        }
    }

    #[test]
    fn marks_and_noreply_tell_a_bot() {
        assert!(sign(&account(1).name("renew[bot]").build()).is_some());
        assert!(sign(&account(1).email("49+renew[bot]@users.noreply.github.com").build()).is_some());
        assert!(sign(&account(1).email("noreply@acme.test").build()).is_some());
        assert_eq!(sign(&account(1).name("Ciara Bot").email("49+ciara@users.noreply.github.com").build()), None);
    }
}

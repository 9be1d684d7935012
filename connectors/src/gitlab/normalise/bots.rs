//! Which accounts are not people, as far as GitLab itself says: the `bot` flag and usernames it reserves.
//!
//! A display name is never enough: anyone may be called "Deploy Bot".

/// Usernames of GitLab's own accounts. Numbers are appended when a name was taken.
const INTERNAL: [&str; 10] = [
    "alert-bot",
    "support-bot",
    "migration-bot",
    "security-bot",
    "automation-bot",
    "visual-review-bot",
    "gitlab-security-bot",
    "gitlab-admin-bot",
    "gitlab-automation-bot",
    "duo-code-review-bot",
];

/// Whether an account is a bot, and why. `None`: nothing says so either way.
pub fn bot(flag: Option<bool>, username: Option<&str>) -> (Option<bool>, Option<String>) {
    if flag == Some(true) {
        return (Some(true), Some("source flag".to_owned()));
    }
    if let Some(pattern) = username.and_then(reserved) {
        return (Some(true), Some(format!("username pattern {pattern}")));
    }
    (flag, None)
}

fn reserved(username: &str) -> Option<&'static str> {
    let name = username.to_ascii_lowercase();
    if name == "ghost" {
        return Some("ghost");
    }
    if is_token_user(&name, "project_") {
        return Some("project_*_bot_*");
    }
    if is_token_user(&name, "group_") {
        return Some("group_*_bot_*");
    }
    if name.starts_with("service_account_") {
        return Some("service_account_*");
    }
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    INTERNAL.into_iter().find(|internal| *internal == stem)
}

/// `{prefix}{digits}_bot`, alone or followed by a number or `_` and more.
fn is_token_user(name: &str, prefix: &str) -> bool {
    let Some(rest) = name.strip_prefix(prefix) else { return false };
    let after_id = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let Some(tail) = after_id.strip_prefix("_bot") else { return false };
    after_id.len() < rest.len() && (tail.starts_with('_') || tail.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_usernames_are_bots() {
        for name in [
            "project_12_bot",
            "project_12_bot3",
            "project_12_bot_ab12",
            "group_7_bot_x",
            "ghost",
            "support-bot",
            "alert-bot1",
            "service_account_group_1_ab",
        ] {
            assert_eq!(bot(None, Some(name)).0, Some(true), "{name}");
        }
        assert_eq!(bot(None, Some("project_12_bot_ab12")).1.as_deref(), Some("username pattern project_*_bot_*"));
    }

    #[test]
    fn people_are_not() {
        for name in ["project_bot", "project_x_bot_1", "robot", "ghostwriter", "deploy-bot", "project_12_botany", "abbot"] {
            assert_eq!(bot(None, Some(name)), (None, None), "{name}");
        }
    }

    #[test]
    fn the_flag_decides_where_there_is_one() {
        assert_eq!(bot(Some(true), Some("renovate")), (Some(true), Some("source flag".into())));
        assert_eq!(bot(Some(false), Some("jdoe")), (Some(false), None));
    }
}

//! Keys of work items in texts, and GitLab merge requests that mention some.

use std::collections::BTreeSet;

use super::jira::JiraFacts;
use super::rows::{ReferencesRow, references};
use crate::company::Company;
use crate::company::dice::{Dice, mix};
use crate::company::model::{MergeRequest, Project};
use crate::truth::Table;

/// GitLab projects, by path, and the Jira project whose issues they work on.
const WORKS_ON: [(&str, &str); 12] = [
    ("web", "WEB"),
    ("gateway", "GATE"),
    ("ingest", "ING"),
    ("design-system", "DS"),
    ("design-system-next", "DSN"),
    ("checkout", "CHK"),
    ("mobile", "MOB"),
    ("identity.service", "IDS"),
    ("terraform-modules", "TF"),
    ("warehouse", "WH"),
    ("handbook", "HB"),
    ("legacy-portal", "LEG"),
];

/// What looks like a key in a text, each once, in order. The texts of the company have no look-alikes.
pub(crate) fn keys_in(text: &str) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < bytes.len() {
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).count();
        let after = start + length;
        let digits = bytes.get(after + 1..).map_or(0, |rest| rest.iter().take_while(|byte| byte.is_ascii_digit()).count());
        let begins = start == 0 || !word(&bytes[start - 1]);
        let ends = bytes.get(after + 1 + digits).is_none_or(|byte| !word(byte));
        if begins && ends && length >= 2 && bytes[start].is_ascii_uppercase() && bytes.get(after) == Some(&b'-') && digits > 0 {
            let key = text[start..after + 1 + digits].to_owned();
            if !keys.contains(&key) {
                keys.push(key);
            }
            start = after + 1 + digits;
        } else {
            start += length.max(1);
        }
    }
    keys
}

/// Every fourth merge request of a person says what it is for: in the title, the branch, or a commit. The dice are its own, so that nothing
/// else about the merge requests changes.
pub(crate) fn mention(seed: u64, merge_requests: &mut [MergeRequest], projects: &[Project], jira: &JiraFacts, bots: &BTreeSet<u64>) {
    let mut dice = Dice::new(mix(seed, 61));
    for (index, one) in merge_requests.iter_mut().enumerate().filter(|(index, one)| index % 4 == 2 && !bots.contains(&one.author)) {
        let Some(key) = WORKS_ON.iter().find(|(path, _)| projects[one.project].path == *path).map(|(_, key)| *key) else { continue };
        let fits = |issue: &&super::jira::model::Issue| jira.projects[issue.project].key == key && issue.created_at < one.created_at;
        let known: Vec<String> = jira.issues.iter().filter(fits).map(|issue| jira.key(issue)).collect();
        if known.is_empty() {
            continue;
        }
        let key = known[dice.index(known.len())].clone();
        match index / 4 % 4 {
            0 => {
                let (draft, title) = one.title.strip_prefix("Draft: ").map_or(("", one.title.as_str()), |title| ("Draft: ", title));
                one.title = format!("{draft}{key}: {title}");
            }
            1 => one.source_branch = format!("{key}-{}", one.source_branch),
            2 => {
                let other = known[dice.index(known.len())].clone();
                one.description.push_str(&format!("\n\nFor {key} and {other}."));
            }
            _ => {
                if let Some(commit) = one.commits.last_mut() {
                    commit.title = format!("{key} {}", commit.title);
                }
            }
        }
    }
}

impl Company {
    /// Keys of work items that merge requests mention: `merge_requests:{merge request}:{place}`, places `title`, `branch`, `description`
    /// and `commit`.
    pub fn references(&self) -> Table<ReferencesRow> {
        let mut found = Table::new();
        for one in self.merge_requests.iter().filter(|one| self.is_visible(self.projects[one.project].id)) {
            let id = one.id.to_string();
            let commits: Vec<&str> = one.commits.iter().map(|commit| commit.title.as_str()).collect();
            for (place, text) in
                [("title", &one.title), ("branch", &one.source_branch), ("description", &one.description), ("commit", &commits.join("\n"))]
            {
                found.extend(references("merge_requests", &id, place, keys_in(text)));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::keys_in;

    #[test]
    fn keys_are_found_whole_and_once() {
        assert_eq!(keys_in("WEB-12: see DATA2-7, (WEB-12) and web-3, XWEB-1a, A-1"), ["WEB-12", "DATA2-7"]);
        assert_eq!(keys_in("WEB-12-fix-login"), ["WEB-12"]);
        assert!(keys_in("größe-1 客户-2 Q4 clean-up").is_empty());
    }
}

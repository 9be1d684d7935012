//! Keys of work items, found in text: `WEB-12`.

/// Longer ones are no keys: Jira's own limit is far below.
const MAX_KEY_BYTES: usize = 64;

/// Keys in `text`, in the order found, each once: capital letters, digits and `_` after a capital letter, a hyphen, a number that does not
/// begin with zero; nothing that belongs to a word before or behind it.
pub fn work_item_keys(text: &str) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for (hyphen, _) in text.match_indices('-') {
        let Some(key) = key_around(text, hyphen) else { continue };
        if !keys.iter().any(|seen| seen == key) {
            keys.push(key.to_owned());
        }
    }
    keys
}

/// The key whose hyphen stands at `hyphen`.
fn key_around(text: &str, hyphen: usize) -> Option<&str> {
    let bytes = text.as_bytes();
    let is_prefix = |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_';
    let prefix = bytes.get(..hyphen)?.iter().rev().take_while(is_prefix).take(MAX_KEY_BYTES).count();
    let digits = bytes.get(hyphen + 1..)?.iter().take_while(|byte| byte.is_ascii_digit()).take(MAX_KEY_BYTES).count();
    let (start, end) = (hyphen - prefix, hyphen + 1 + digits);
    let (before, after) = (text.get(..start)?, text.get(end..)?);
    let project = text.get(start..hyphen)?;
    let is_project = prefix >= 2 && project.starts_with(|c: char| c.is_ascii_uppercase());
    let is_number = digits > 0 && !text.get(hyphen + 1..end)?.starts_with('0');
    let stands_alone = !before.ends_with(is_word) && !after.starts_with(is_word);
    (is_project && is_number && stands_alone && end - start <= MAX_KEY_BYTES).then(|| text.get(start..end))?
}

/// Letters without case do not count: scripts that have none are often written without spaces, as 见WEB-12.
fn is_word(c: char) -> bool {
    c.is_uppercase() || c.is_lowercase() || c.is_ascii_digit() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_wherever_they_stand() {
        for (text, expected) in [
            ("WEB-12: faster search", vec!["WEB-12"]),
            ("feature/WEB-12-faster-search", vec!["WEB-12"]),
            ("(WEB-12, OPS_2-7) WEB-12.", vec!["WEB-12", "OPS_2-7"]),
            ("https://acme.example/browse/A1-1?x", vec!["A1-1"]),
            ("Jira:WEB-12\u{a0}und später", vec!["WEB-12"]),
            ("WEB-12-13", vec!["WEB-12"]),
            ("见WEB-1的说明", vec!["WEB-1"]),
        ] {
            assert_eq!(work_item_keys(text), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_key_is_none() {
        let prefixes = ["web-12", "W-12", "xWEB-12", "éWEB-1", "1WEB-1", "_WEB-1", "-12", "WEB–12"];
        let numbers = ["WEB-012", "WEB-0", "WEB-", "WEB-12a", "WEB-12_3", ""];
        for text in prefixes.into_iter().chain(numbers) {
            assert_eq!(work_item_keys(text), Vec::<String>::new(), "{text}");
        }
        assert!(work_item_keys(&format!("{}-1", "A".repeat(500))).is_empty());
        assert!(work_item_keys(&format!("AB-{}", "1".repeat(500))).is_empty());
    }

    #[test]
    fn hyphens_without_end_take_linear_time() {
        assert!(work_item_keys(&"A-".repeat(200_000)).is_empty());
    }
}

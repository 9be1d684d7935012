//! The content hash of a row, without what changes by itself.
//!
//! GitLab recomputes whether a merge request can be merged whenever its target branch moves, and renders a user's local time into rows that
//! embed the user. Hashed, every sync would see such rows as changed and ask for all their details again.

use sha2::{Digest, Sha256};

/// Fields whose values are left out of the hash, wherever they stand in a row.
const VOLATILE: [&str; 4] = ["\"merge_status\":", "\"detailed_merge_status\":", "\"has_conflicts\":", "\"local_time\":"];

/// SHA-256 of `json` without the values of volatile fields.
pub fn content_hash(json: &str) -> [u8; 32] {
    let mut spans: Vec<(usize, usize)> = VOLATILE.iter().flat_map(|field| values_of(json, field)).collect();
    spans.sort_unstable();
    let mut hash = Sha256::new();
    let mut at = 0;
    for (start, end) in spans {
        hash.update(&json.as_bytes()[at..start.max(at)]);
        at = end.max(at);
    }
    hash.update(&json.as_bytes()[at..]);
    hash.finalize().into()
}

/// Where the values of `field` are. Quotes inside a string are escaped, so `"field":` is never part of one.
fn values_of<'a>(json: &'a str, field: &'static str) -> impl Iterator<Item = (usize, usize)> + 'a {
    json.match_indices(field).map(move |(at, _)| {
        let start = at + field.len();
        (start, start + value_length(&json[start..]))
    })
}

/// Bytes of the string, number or literal at the start of `json`; 0 for an object or array, which no volatile field is.
fn value_length(json: &str) -> usize {
    let blank = json.len() - json.trim_start().len();
    let value = &json[blank..];
    if let Some(text) = value.strip_prefix('"') {
        let mut escaped = false;
        let end = text.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        return blank + 1 + end.map_or(text.len(), |end| end + 1);
    }
    if value.starts_with(['{', '[']) {
        return 0;
    }
    blank + value.find([',', '}', ']']).unwrap_or(value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_by_itself_does_not_change_the_hash() {
        let one = r#"{"id":1,"merge_status":"unchecked","has_conflicts":false,"author":{"id":2,"local_time":null}}"#;
        let other = r#"{"id":1,"merge_status":"can_be_merged","has_conflicts":true,"author":{"id":2,"local_time":"9:45 \"AM\""}}"#;
        assert_eq!(content_hash(one), content_hash(other));
    }

    #[test]
    fn everything_else_does() {
        let hash = |text: &str| content_hash(text);
        assert_ne!(hash(r#"{"merge_status":"a","title":"x"}"#), hash(r#"{"merge_status":"a","title":"y"}"#));
        assert_ne!(hash(r#"{"merge_status":"a"}"#), hash(r#"{}"#));
        // a title that talks about the field is a title
        assert_ne!(hash(r#"{"title":"\"merge_status\":1"}"#), hash(r#"{"title":"\"merge_status\":2"}"#));
        assert_ne!(hash(r#"{"has_conflicts":{"a":1}}"#), hash(r#"{"has_conflicts":{"a":2}}"#));
        assert_eq!(hash(r#"{"has_conflicts": true }"#), hash(r#"{"has_conflicts": false}"#));
    }
}

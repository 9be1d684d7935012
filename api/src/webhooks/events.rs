//! What an event is about: its kind, when it happened, and the item to read again. Nothing else of it is used, and nothing is kept.

use chrono::{DateTime, Utc};
use ovia_domain::{ItemRef, Source};
use poem::http::HeaderMap;
use serde_json::Value;

mod gitlab;
mod jira;

/// Longest name of a kind; they are counted by it.
const KIND_MAX: usize = 64;

/// An event, as far as it is used.
#[derive(Debug, PartialEq)]
pub(super) struct Event {
    pub kind: String,
    /// `None`: nothing we would pull.
    pub item: Option<ItemRef>,
    pub at: Option<DateTime<Utc>>,
    /// Headers that may hold the delivery's id, the best first.
    pub ids: &'static [&'static str],
}

pub(super) fn read(source: Source, headers: &HeaderMap, body: &Value) -> Event {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut event = match source {
        Source::Gitlab => gitlab::read(&header("x-gitlab-event"), body),
        Source::Jira => jira::read(body),
        Source::Confluence => Event { kind: String::new(), item: None, at: None, ids: &[] },
    };
    event.kind = kind(&event.kind);
    event
}

/// A name of our own making out of whatever was sent.
fn kind(text: &str) -> String {
    let clean: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || " _-:.".contains(*c)).take(KIND_MAX).collect();
    if clean.is_empty() { "unknown".into() } else { clean }
}

/// An id, as number or as text of digits: it becomes part of a request's path.
fn id(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::Number(number) => number.as_u64()?.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    (!text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kinds_are_short_and_plain() {
        assert_eq!(kind("jira:issue_updated"), "jira:issue_updated");
        assert_eq!(kind("Merge Request Hook"), "Merge Request Hook");
        assert_eq!(kind("a\0b<c>\u{1F980}"), "abc");
        assert_eq!(kind(""), "unknown");
        assert_eq!(kind(&"x".repeat(500)).len(), KIND_MAX);
    }

    #[test]
    fn ids_are_digits() {
        assert_eq!(id(Some(&json!(7))).as_deref(), Some("7"));
        assert_eq!(id(Some(&json!("10001"))).as_deref(), Some("10001"));
        for bad in [json!("../7"), json!("7?x=1"), json!(""), json!(-1), json!(1.5), json!(null), json!([7]), json!("1".repeat(21))] {
            assert_eq!(id(Some(&bad)), None, "{bad}");
        }
        assert_eq!(id(None), None);
    }
}

//! Takes secrets out of text: request lines for errors, and payloads before they are stored.
//!
//! Works on the text, not on parsed JSON, so that a payload without secrets stays byte for byte what the source sent.

use std::borrow::Cow;

use url::Url;

const HIDDEN: &str = "[redacted]";

/// Names ending in `_token` whose values are credentials.
const SECRET_NAMES: [&str; 9] = [
    "private_token",
    "access_token",
    "refresh_token",
    "oauth_token",
    "job_token",
    "feed_token",
    "rss_token",
    "runners_token",
    "incoming_email_token",
];

/// Whether a query parameter's value is a credential.
pub fn is_secret_parameter(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "token" | "secret" | "password" | "client_secret" | "code") || SECRET_NAMES.contains(&name.as_str())
}

/// `GET https://host/path?query` without user info and with secret parameters hidden; at most 500 characters.
pub fn request_text(url: &Url) -> String {
    request_text_of("GET", url)
}

/// The same with another method.
pub fn request_text_of(method: &str, url: &Url) -> String {
    let mut url = url.clone();
    // These setters only fail on URLs that have no host, which http(s) URLs always have.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    let query = url.query().map(|query| {
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) if is_secret_parameter(name) => format!("{name}={HIDDEN}"),
            _ => pair.to_owned(),
        });
        pairs.collect::<Vec<_>>().join("&")
    });
    url.set_query(None);
    let text = match query {
        Some(query) => format!("{method} {url}?{query}"),
        None => format!("{method} {url}"),
    };
    text.chars().take(500).collect()
}

/// `text` with the values of secret URL parameters (`…?private_token=x`) and secret JSON members (`"runners_token":"x"`) hidden.
pub fn redacted(text: &str) -> Cow<'_, str> {
    const MARK: &str = "_token";
    let mut out = String::new();
    let (mut kept, mut at) = (0, 0);
    while let Some(found) = text[at..].find(MARK) {
        let end = at + found + MARK.len();
        at = end;
        if !SECRET_NAMES.contains(&name_ending_at(text, end)) {
            continue;
        }
        if let Some((from, to)) = secret_span(text, end) {
            out.push_str(&text[kept..from]);
            out.push_str(HIDDEN);
            kept = to;
            at = to;
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[kept..]);
    Cow::Owned(out)
}

fn name_ending_at(text: &str, end: usize) -> &str {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = text.as_bytes()[..end].iter().rev().take_while(|byte| is_name(byte)).count();
    &text[end - length..end]
}

/// Where the value of the name that ends at `end` lies, as byte offsets.
fn secret_span(text: &str, end: usize) -> Option<(usize, usize)> {
    let rest = &text[end..];
    if let Some(value) = rest.strip_prefix('=') {
        let stop = |c: char| c.is_whitespace() || matches!(c, '&' | '"' | '\'' | '\\' | '<' | '>' | '(' | ')' | ']' | '#' | ',' | ';');
        let length = value.find(stop).unwrap_or(value.len());
        return (length > 0).then_some((end + 1, end + 1 + length));
    }
    let value = rest.strip_prefix('"')?.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    let from = text.len() - value.len();
    let mut escaped = false;
    let length = value.find(|c| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    let length = length.unwrap_or(value.len());
    (length > 0).then_some((from, from + length))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn request_text_hides_secret_parameters_and_user_info() {
        let url = Url::parse("https://u:p@host.example/a?private_token=abc&page=2&Access_Token=d&token=e&x#f").unwrap();
        let text = request_text(&url);
        assert_eq!(text, "GET https://host.example/a?private_token=[redacted]&page=2&Access_Token=[redacted]&token=[redacted]&x");
    }

    #[test]
    fn payloads_without_secrets_are_left_alone() {
        let text = r#"{"ci_job_token_scope_enabled":false,"runners_token":null,"body":"the private_token parameter"}"#;
        assert!(matches!(redacted(text), Cow::Borrowed(_)));
    }

    #[test]
    fn payload_secrets_are_hidden_and_the_json_stays_json() {
        let text = r#"{"url":"https://h/x.atom?feed_token=abc&a=1","runners_token": "G\"R1","z":"see private_token=q\"uo"}"#;
        let clean = redacted(text);
        let value: serde_json::Value = serde_json::from_str(&clean).unwrap();
        assert_eq!(value["url"], "https://h/x.atom?feed_token=[redacted]&a=1");
        assert_eq!(value["runners_token"], "[redacted]");
        assert_eq!(value["z"], "see private_token=[redacted]\"uo");
    }

    proptest::proptest! {
        #[test]
        fn redacting_keeps_json_valid(text in ".*", secret in "[a-zA-Z0-9]{1,20}") {
            let json = serde_json::json!({"runners_token": format!("{text}{secret}"), "u": format!("{text}private_token={secret}{text}")}).to_string();
            let clean = redacted(&json);
            let value: serde_json::Value = serde_json::from_str(&clean).unwrap();
            proptest::prop_assert_eq!(&value["runners_token"], "[redacted]");
        }
    }
}

//! `Link` headers (RFC 8288), as far as paging needs them: the target with `rel="next"`.
//!
//! Only the target's query is ever used. Its host may be an internal one behind a proxy, and credentials go to the configured
//! host alone; the path of the next page is the path of this one.

use reqwest::header::{HeaderMap, LINK};

use super::redact::is_secret_parameter;

/// The query of the link with `rel="next"`, without secret parameters. `None` if there is no such link or it has no query.
pub fn link_next(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let target = values.into_iter().find_map(next_target)?;
    let (_, query) = target.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    let query = query_without_secrets(query);
    (!query.is_empty()).then_some(query)
}

/// `query` without the parameters that hold credentials: a server that echoes them must not get them into a stored cursor.
pub fn query_without_secrets(query: &str) -> String {
    let kept = query.split('&').filter(|pair| !pair.is_empty() && !is_secret_parameter(pair.split('=').next().unwrap_or_default()));
    kept.collect::<Vec<_>>().join("&")
}

/// Commas may stand inside `<…>`, so the header is cut at the brackets, not at commas.
fn next_target(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some(open) = rest.find('<') {
        let close = open + rest[open..].find('>')?;
        let target = &rest[open + 1..close];
        rest = &rest[close + 1..];
        let parameters = &rest[..rest.find('<').unwrap_or(rest.len())];
        if parameters.split([';', ',']).any(is_rel_next) {
            return Some(target);
        }
    }
    None
}

fn is_rel_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("rel")
        && value.trim().trim_matches('"').split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn next(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, value.parse().unwrap());
        link_next(&headers)
    }

    #[test]
    fn finds_the_next_link_among_others() {
        let header = r#"<https://a.example/x?page=1>; rel="first", <https://a.example/x?page=3&ids=1,2>; rel="next""#;
        assert_eq!(next(header).as_deref(), Some("page=3&ids=1,2"));
        assert_eq!(next("<https://a.example/x?cursor=abc>; rel=next").as_deref(), Some("cursor=abc"));
        assert_eq!(next("<https://a.example/x?page=1>; rel=\"first\""), None);
        assert_eq!(next("nonsense"), None);
        assert_eq!(next("<unclosed?page=2; rel=next"), None);
    }

    #[test]
    fn drops_echoed_credentials() {
        assert_eq!(next("<https://a.example/x?private_token=s&page=2>; rel=\"next\"").as_deref(), Some("page=2"));
    }
}

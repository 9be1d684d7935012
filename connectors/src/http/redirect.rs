//! Redirects, followed by hand: reqwest's own policy decides per header name, ours per origin.

use reqwest::header::{HeaderMap, LOCATION};
use url::Url;

/// Redirects of one request before it is given up.
pub const MAX_REDIRECTS: usize = 5;

#[derive(Debug, PartialEq, Eq)]
pub enum Redirect {
    /// Same scheme, host and port: follow, with credentials.
    Follow(Url),
    /// Another origin: following with credentials would leak them, without them is useless.
    Foreign(String),
    /// A redirect without a usable `Location`.
    Broken,
}

/// What to do with an answer; `None` if its status is not a redirect.
pub fn redirect(from: &Url, status: u16, headers: &HeaderMap) -> Option<Redirect> {
    if !matches!(status, 301 | 302 | 307 | 308) {
        return None;
    }
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let Some(target) = location.and_then(|location| from.join(location).ok()) else {
        return Some(Redirect::Broken);
    };
    if target.origin() == from.origin() && target.host_str().is_some() {
        return Some(Redirect::Follow(target));
    }
    let host = target.host_str().unwrap_or("nowhere");
    let port = target.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(Redirect::Foreign(format!("{}://{host}{port}", target.scheme())))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn to(location: &str) -> Option<Redirect> {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, location.parse().unwrap());
        redirect(&Url::parse("https://git.example/api/v4/projects/a%2Fb").unwrap(), 301, &headers)
    }

    #[test]
    fn only_the_same_origin_is_followed() {
        assert!(matches!(to("/api/v4/projects/7"), Some(Redirect::Follow(url)) if url.as_str() == "https://git.example/api/v4/projects/7"));
        assert!(matches!(to("https://git.example:443/x"), Some(Redirect::Follow(_))));
        assert_eq!(to("https://evil.example/x"), Some(Redirect::Foreign("https://evil.example".into())));
        assert_eq!(to("http://git.example/x"), Some(Redirect::Foreign("http://git.example".into())));
        assert_eq!(to("https://git.example:8443/x"), Some(Redirect::Foreign("https://git.example:8443".into())));
        assert_eq!(to("//evil.example/x"), Some(Redirect::Foreign("https://evil.example".into())));
        assert_eq!(to("https://git.example@evil.example/x"), Some(Redirect::Foreign("https://evil.example".into())));
        assert!(matches!(to("data:text/plain,x"), Some(Redirect::Foreign(_))));
    }

    #[test]
    fn other_statuses_are_no_redirects() {
        let url = Url::parse("https://git.example").unwrap();
        assert_eq!(redirect(&url, 200, &HeaderMap::new()), None);
        assert_eq!(redirect(&url, 304, &HeaderMap::new()), None);
        assert_eq!(redirect(&url, 302, &HeaderMap::new()), Some(Redirect::Broken));
    }
}

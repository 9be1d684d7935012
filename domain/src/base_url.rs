//! Addresses that people give: a source's base URL, and where others are told something. Parsed once at the border.
//!
//! Private and loopback addresses are refused unless a setting allows them: a server that fetches what users type is an SSRF tool
//! otherwise. Host *names* can still resolve to private addresses; the connectors' HTTP client checks again after resolving.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// An absolute http(s) URL without credentials, query or fragment, and without a trailing slash. May have a path prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BaseUrl(Url);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    #[error("`{0}` is not an absolute URL")]
    NotAUrl(String),
    #[error("the scheme is `{0}`; only http and https are understood")]
    Scheme(String),
    #[error("the URL holds a user name or password; put credentials in `credentials`")]
    HasCredentials,
    #[error("the URL has a query or a fragment; give the address only")]
    HasQuery,
    #[error("the URL has a fragment, which is never sent")]
    HasFragment,
    #[error("`{0}` is a private, loopback or link-local address, and those are not allowed here")]
    PrivateAddress(String),
}

impl BaseUrl {
    /// Parses `text`. With `allow_private` loopback and private addresses are accepted (dev, demo, tests, on-premise sources).
    pub fn parse(text: &str, allow_private: bool) -> Result<Self, BaseUrlError> {
        let mut url = checked(text, allow_private)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BaseUrlError::HasQuery);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The URL as text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// `self` + `/` + `path`, keeping the path prefix. `path` must already be percent-encoded.
    pub fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let joined = format!("{}/{}", url.path().trim_end_matches('/'), path.trim_start_matches('/'));
        url.set_path(&joined);
        url
    }
}

/// An absolute http(s) URL without credentials or fragment, used exactly as it was given: path, trailing slash and query are the receiver's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookUrl(Url);

impl HookUrl {
    /// Parses `text`. With `allow_private` loopback and private addresses are accepted.
    pub fn parse(text: &str, allow_private: bool) -> Result<Self, BaseUrlError> {
        let url = checked(text, allow_private)?;
        match url.fragment() {
            Some(_) => Err(BaseUrlError::HasFragment),
            None => Ok(Self(url)),
        }
    }

    pub fn as_url(&self) -> &Url {
        &self.0
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Scheme, host and port, and `…` for the rest, which may hold a secret: `https://hooks.example.com/…`.
    pub fn masked(&self) -> String {
        let rest = if self.0.path() == "/" && self.0.query().is_none() { "" } else { "/…" };
        format!("{}{rest}", self.0.origin().ascii_serialization())
    }
}

/// What holds for every address.
fn checked(text: &str, allow_private: bool) -> Result<Url, BaseUrlError> {
    let url = Url::parse(text.trim()).map_err(|_| BaseUrlError::NotAUrl(text.trim().chars().take(200).collect()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(BaseUrlError::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BaseUrlError::HasCredentials);
    }
    if !allow_private && host_is_private(&url) {
        return Err(BaseUrlError::PrivateAddress(url.host_str().unwrap_or_default().to_owned()));
    }
    Ok(url)
}

fn host_is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip_is_private(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => ip_is_private(IpAddr::V6(ip)),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        None => true,
    }
}

/// Whether an address is one a public source cannot have: loopback, private, link-local, shared (100.64/10), unspecified,
/// multicast, broadcast, documentation, protocol assignments (192.0.0/24), unique-local, site-local, and every form of IPv6 that carries an
/// IPv4 address to somebody who translates it (mapped, compatible, NAT64, 6to4, Teredo).
pub fn ip_is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation()
                || a == 0
                || (a == 100 && (64..128).contains(&b))
                || (a, b, c) == (192, 0, 0)
                || (a == 198 && (18..20).contains(&b))
                || a >= 240
        }
        IpAddr::V6(v6) => {
            if let Some(v4) = v6.to_ipv4_mapped() {
                return ip_is_private(IpAddr::V4(v4));
            }
            let [first, second, third, fourth, fifth, sixth, ..] = v6.segments();
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || (first & 0xfe00) == 0xfc00
                || (first & 0xffc0) == 0xfe80
                || (first & 0xffc0) == 0xfec0
                || [first, second, third, fourth, fifth, sixth] == [0; 6]
                || first == 0x2002
                || (first == 0x2001 && (second == 0 || second == 0x0db8))
                || (first == 0x0064 && second == 0xff9b)
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn keeps_a_path_prefix_and_drops_the_trailing_slash() {
        let base = BaseUrl::parse(" https://host.example/git/ ", false).unwrap();
        assert_eq!(base.as_str(), "https://host.example/git");
        assert_eq!(base.join("api/v4/projects/a%2Fb").as_str(), "https://host.example/git/api/v4/projects/a%2Fb");
        let root = BaseUrl::parse("https://host.example", false).unwrap();
        assert_eq!(root.as_str(), "https://host.example");
        assert_eq!(root.join("/api").as_str(), "https://host.example/api");
    }

    #[test]
    fn refuses_private_addresses_unless_allowed() {
        for text in [
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://x.localhost.",
            "http://10.1.2.3",
            "http://192.168.0.1",
            "http://169.254.169.254",
            "http://[::1]",
            "http://[fd00::1]",
            "http://[::ffff:10.0.0.1]",
            "http://0.0.0.0",
            "http://100.64.1.1",
            "http://2130706433",
            "http://192.0.0.8",
            "http://[::10.0.0.1]",
            "http://[fec0::1]",
            "http://[2002:a00:1::]",
            "http://[2001:0:a00:1::]",
            "http://[64:ff9b::a00:1]",
        ] {
            assert!(matches!(BaseUrl::parse(text, false), Err(BaseUrlError::PrivateAddress(_))), "{text}");
            assert!(BaseUrl::parse(text, true).is_ok(), "{text}");
        }
    }

    #[test]
    fn public_addresses_are_none_of_these() {
        for text in ["https://192.0.1.1", "https://[2001:4860:4860::8888]", "https://[2606:4700::1111]", "https://host.example"] {
            assert!(BaseUrl::parse(text, false).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_hook_s_address_is_used_as_it_was_given() {
        for text in
            ["https://hooks.example/a/", "https://hooks.example/a", "https://hooks.example/a/?key=x&b=%2F", "https://hooks.example/"]
        {
            assert_eq!(HookUrl::parse(text, false).unwrap().as_str(), text);
        }
        let masked = |text| HookUrl::parse(text, true).unwrap().masked();
        assert_eq!(masked("https://hooks.example:8443/services/hunter2?key=hunter2"), "https://hooks.example:8443/…");
        assert_eq!(masked("http://127.0.0.1/?key=hunter2"), "http://127.0.0.1/…");
        assert_eq!(masked("https://hooks.example"), "https://hooks.example");
        assert_eq!(HookUrl::parse("https://hooks.example/#a", false), Err(BaseUrlError::HasFragment));
        assert!(matches!(HookUrl::parse("http://10.0.0.1/", false), Err(BaseUrlError::PrivateAddress(_))));
        assert_eq!(HookUrl::parse("https://u:p@hooks.example", false), Err(BaseUrlError::HasCredentials));
    }

    #[test]
    fn refuses_what_is_not_an_address() {
        assert!(matches!(BaseUrl::parse("gitlab", false), Err(BaseUrlError::NotAUrl(_))));
        assert_eq!(BaseUrl::parse("ftp://a.example", false), Err(BaseUrlError::Scheme("ftp".into())));
        assert_eq!(BaseUrl::parse("https://u:p@a.example", false), Err(BaseUrlError::HasCredentials));
        assert_eq!(BaseUrl::parse("https://a.example/?private_token=x", false), Err(BaseUrlError::HasQuery));
    }
}

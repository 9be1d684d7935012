//! Telling others: one POST of JSON to an address that a person gave. No redirects, no proxies, no private addresses unless allowed; what
//! the other side answers is not read, only its status.

use std::{sync::Arc, time::Duration};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::{redacted, resolver::PublicOnly, resolver::refused_host};

/// Why nothing was told. The words hold no secret and no address but a host's name.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error("every address of `{0}` is private, and those are not allowed here")]
    PrivateAddress(String),
    #[error("{0}")]
    Failed(String),
}

/// Sends POSTs. Needs an installed rustls crypto provider, as every reqwest client in this workspace.
#[derive(Clone, Debug)]
pub struct PostClient {
    inner: reqwest::Client,
}

impl PostClient {
    pub fn new(timeout: Duration, allow_private_addresses: bool) -> Result<Self, PostError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("ovia/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(timeout.min(Duration::from_secs(10)))
            .timeout(timeout);
        if !allow_private_addresses {
            builder = builder.dns_resolver(Arc::new(PublicOnly));
        }
        let inner = builder.build().map_err(|error| PostError::Failed(format!("the HTTP client cannot be set up: {}", words(error))))?;
        Ok(Self { inner })
    }

    /// POSTs `body`, which is JSON, with `headers`. The status of the answer, whatever it is.
    pub async fn post(&self, url: &Url, headers: &[(&'static str, String)], body: Vec<u8>) -> Result<u16, PostError> {
        let mut map = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|_| PostError::Failed(format!("the header {name} cannot be sent")))?;
            map.insert(HeaderName::from_static(name), value);
        }
        match self.inner.post(url.clone()).headers(map).body(body).send().await {
            Ok(response) => Ok(response.status().as_u16()),
            Err(error) => Err(match refused_host(&error) {
                Some(host) => PostError::PrivateAddress(host),
                None => PostError::Failed(words(error)),
            }),
        }
    }
}

/// The innermost cause says something; the URL, which may hold a secret, is left out.
fn words(error: reqwest::Error) -> String {
    let timeout = error.is_timeout();
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    if timeout { "no answer in time".to_owned() } else { redacted(&cause.to_string()).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(allow_private_addresses: bool) -> PostClient {
        let _ = rustls::crypto::ring::default_provider().install_default();
        PostClient::new(Duration::from_secs(5), allow_private_addresses).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Nobody listens there.
    fn closed() -> Url {
        Url::parse("http://localhost:1/hook?token=hunter2").unwrap_or_else(|error| panic!("{error}"))
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_private_address_is_refused() {
        let refused = client(false).post(&closed(), &[], Vec::new()).await;
        assert!(matches!(&refused, Err(PostError::PrivateAddress(host)) if host == "localhost"), "{refused:?}");
    }

    #[tokio::test]
    async fn what_went_wrong_is_said_without_the_address() {
        let failed = client(true).post(&closed(), &[], Vec::new()).await;
        assert!(matches!(&failed, Err(PostError::Failed(why)) if !why.is_empty() && !why.contains("hunter2")), "{failed:?}");
    }
}

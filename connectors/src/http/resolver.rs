//! DNS for reqwest that leaves private addresses out.
//!
//! The base URL was checked when it was stored, but a name can resolve to anything later; checking where the address is used
//! leaves no gap between check and connect.

use std::net::SocketAddr;

use ovia_domain::base_url::ip_is_private;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Resolves with the system's resolver and hides private, loopback and link-local addresses.
pub struct PublicOnly;

/// Every address of the host was hidden.
#[derive(Debug, thiserror::Error)]
#[error("every address of `{host}` is private")]
pub struct OnlyPrivate {
    pub host: String,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|address| !ip_is_private(address.ip())).collect();
            if allowed.is_empty() {
                return Err(Box::new(OnlyPrivate { host }) as Box<dyn std::error::Error + Send + Sync>);
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The refused host, if that is why a request failed.
pub fn refused_host(error: &reqwest::Error) -> Option<String> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(refused) = current.downcast_ref::<OnlyPrivate>() {
            return Some(refused.host.clone());
        }
        cause = current.source();
    }
    None
}

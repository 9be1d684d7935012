//! How a stand-in listens and behaves.

use std::net::SocketAddr;
use std::time::Duration;

use chrono_tz::Tz;

/// Credentials, address, time zone and limits of one site.
#[derive(Clone, Debug)]
pub struct SiteOptions {
    /// Port 0 takes a free one.
    pub addr: SocketAddr,
    pub email: String,
    pub api_token: String,
    /// Taken by the gateway only, as `Authorization: Bearer`.
    pub access_token: String,
    /// The gateway is at `/ex/{product}/{cloud_id}`.
    pub cloud_id: String,
    /// Of the account the credentials belong to: times are shown in it, and queries are read in it.
    pub time_zone: Tz,
    /// Added to every answer.
    pub latency: Option<Duration>,
    /// Points an hour, for all together.
    pub points: Option<PointsLimit>,
    /// Requests a second to one endpoint.
    pub burst: Option<u32>,
    /// Scheme and host of links, for a site behind a proxy. Default: the address listened on.
    pub link_origin: Option<String>,
    /// A page never has more rows than this, whatever was asked for.
    pub page_cap: Option<usize>,
}

/// A quota: one point a request and one an object read, two for accounts and groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointsLimit {
    pub points: u64,
    /// The hour on a real site.
    pub per: Duration,
}

impl Default for SiteOptions {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            email: "sync@brightloom.example".to_owned(),
            api_token: "ATATT-demo-0123456789abcdef".to_owned(),
            access_token: "eyJ-demo-access-token".to_owned(),
            cloud_id: "6f1c2a34-0000-4000-a000-5d0c1e2f3a4b".to_owned(),
            time_zone: Tz::Asia__Shanghai,
            latency: None,
            points: None,
            burst: None,
            link_origin: None,
            page_cap: None,
        }
    }
}

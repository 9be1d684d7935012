//! HTTP plumbing every source shares: one GET, or a POST that only reads, that answers JSON or says precisely why not.
//!
//! Sources differ in paths, paging headers and payloads; timeouts, retries, rate limits, redirects, the address check and the
//! hiding of secrets do not, so no source gets to write them again.

mod client;
mod error;
mod link;
mod post;
mod rate_limit;
mod redact;
mod redirect;
mod resolver;
mod retry;

pub use client::{Answer, Authorization, HttpClient, RequestCount, TOO_LONG};
pub use error::HttpError;
pub use link::{link_next, query_without_secrets};
pub use post::{PostClient, PostError};
pub use rate_limit::server_time;
pub use redact::{redacted, request_text, request_text_of};

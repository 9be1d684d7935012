//! One request, as far as the stand-in cares.

use bytes::Bytes;
use hyper::HeaderMap;

#[derive(Debug)]
pub(crate) struct Call {
    pub method: String,
    /// As sent, still percent-encoded, without the query.
    pub path: String,
    /// Decoded; a bare `+` has become a space, as GitLab reads it.
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    /// Only read for the control API.
    pub body: Bytes,
}

impl Call {
    pub(crate) fn new(method: &str, path: &str, query: Option<&str>, headers: HeaderMap, body: Bytes) -> Self {
        let query = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        Self { method: method.to_owned(), path: path.to_owned(), query, headers, body }
    }

    /// The last value of a parameter.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().rfind(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of an array parameter, `iids[]=1&iids[]=2`.
    pub(crate) fn params(&self, name: &str) -> Vec<&str> {
        let array = format!("{name}[]");
        self.query.iter().filter(|(key, _)| *key == array).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.param(name), Some("true" | "1"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

//! Why a GET brought nothing. Typed by what the caller decides on; every text in it is already free of secrets.

use chrono::{DateTime, Utc};

use crate::ConnectorError;

#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// A status that repeating the request will not change.
    #[error("{status} on {request}: {message}")]
    Status {
        status: u16,
        request: String,
        /// The body's `error` field, as `insufficient_scope`.
        error: Option<String>,
        /// What the source said, or the status' usual name.
        message: String,
        /// Whether the body was JSON, so that the source's own API said it and not a proxy in between.
        from_api: bool,
    },
    /// The source asked to wait for longer than a client should sleep.
    #[error("the source asked to wait until {until} ({request})")]
    Wait { until: DateTime<Utc>, request: String },
    /// No usable answer, after all tries.
    #[error("no usable answer ({request}): {message}")]
    Unusable { request: String, message: String },
    /// A redirect that cannot be followed with the credentials.
    #[error("{message} ({status} on {request})")]
    Redirect { status: u16, request: String, message: String },
    /// The host's name resolves to addresses that are not allowed.
    #[error("`{host}` resolves to a private, loopback or link-local address, and those are not allowed here")]
    PrivateAddress { host: String },
}

impl HttpError {
    /// The status, if that is what went wrong.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the API says that the token lacks a scope. That is a failure: it says nothing about what is there.
    pub fn is_scope(&self) -> bool {
        matches!(self, Self::Status { status: 401 | 403, message, from_api: true, .. } if message.contains("scope"))
    }
}

impl From<HttpError> for ConnectorError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Status { status: 401, request, .. } => Self::Unauthenticated { request },
            HttpError::Status { status: 403, request, message, .. } => Self::Forbidden { request, message },
            HttpError::Status { status: 404, request, .. } => Self::NotFound { request, what: "this address".into() },
            HttpError::Status { status, request, message, .. } => Self::Refused { status, request, message },
            HttpError::Wait { until, request } => Self::RateLimited { until, request },
            HttpError::Unusable { request, message } => Self::Unreachable { request, message },
            HttpError::Redirect { status, request, message } => Self::Refused { status, request, message },
            HttpError::PrivateAddress { .. } => Self::Configuration { field: "base_url".into(), message: error.to_string() },
        }
    }
}

//! Error codes users see, in problem documents and on failed runs.

use serde::{Deserialize, Serialize};

/// What went wrong, for programs. The sentence and the hint beside it are for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// No token, or one that is not known; on a run: the source refused the credentials.
    Unauthenticated,
    /// The caller is known and may not do this.
    Forbidden,
    NotFound,
    ValidationError,
    /// The state does not allow it now, as a second sync of one connection.
    Conflict,
    /// Something has to be set up first.
    NotConfigured,
    RateLimited,
    /// The source did not answer, or answered something that is not its API.
    UpstreamUnreachable,
    ServerError,
}

impl ErrorCode {
    pub const ALL: [ErrorCode; 9] = [
        ErrorCode::Unauthenticated,
        ErrorCode::Forbidden,
        ErrorCode::NotFound,
        ErrorCode::ValidationError,
        ErrorCode::Conflict,
        ErrorCode::NotConfigured,
        ErrorCode::RateLimited,
        ErrorCode::UpstreamUnreachable,
        ErrorCode::ServerError,
    ];

    /// The wire form, as `NOT_FOUND`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::ValidationError => "VALIDATION_ERROR",
            Self::Conflict => "CONFLICT",
            Self::NotConfigured => "NOT_CONFIGURED",
            Self::RateLimited => "RATE_LIMITED",
            Self::UpstreamUnreachable => "UPSTREAM_UNREACHABLE",
            Self::ServerError => "SERVER_ERROR",
        }
    }

    /// The code whose wire form is `text`; unknown text is `ServerError`.
    pub fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|code| code.as_str() == text).unwrap_or(Self::ServerError)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

//! Faults in Atlassian's words: JSON bodies, ISO resets, reasons.

use chrono::{Duration, SecondsFormat, Utc};
use serde_json::json;

use super::Answer;
use super::faults::{self, Dialect, FaultKind, Injected, LimitReason};
use crate::wire::render;

const HTML: &str = "<!DOCTYPE html><html><head><title>Log in with Atlassian account</title></head><body></body></html>";

/// Jira's error: `{"errorMessages": […], "errors": {}}`.
pub(crate) fn jira_error(status: u16, message: &str) -> Answer {
    Answer { status, ..Answer::json(render(&json!({"errorMessages": [message], "errors": {}}))) }
}

/// Confluence's error of API v2.
pub(crate) fn confluence_error(status: u16, message: &str) -> Answer {
    let code = match status {
        400 => "INVALID_REQUEST_PARAMETER",
        401 => "UNAUTHORIZED",
        403 => "FORBIDDEN",
        404 => "NOT_FOUND",
        410 => "GONE",
        _ => "ERROR",
    };
    Answer { status, ..Answer::json(render(&json!({"errors": [{"status": status, "code": code, "title": message, "detail": null}]}))) }
}

pub(crate) fn error(dialect: Dialect, status: u16, message: &str) -> Answer {
    match dialect {
        Dialect::Gitlab => Answer::message(status, message),
        Dialect::Jira => jira_error(status, message),
        Dialect::Confluence => confluence_error(status, message),
    }
}

pub(super) fn inject(dialect: Dialect, fault: FaultKind, template: &str) -> Injected {
    Injected::Answer(match fault {
        FaultKind::RateLimited { retry_after, as_http_date: false } => limited(dialect, LimitReason::Burst, retry_after, retry_after),
        FaultKind::AtlassianLimit { reason, retry_after, reset_after } => limited(dialect, reason, retry_after, reset_after),
        FaultKind::RefuseToken => error(dialect, 400, "The provided next page token is invalid or expired."),
        FaultKind::Unauthorized => unauthorised(dialect),
        FaultKind::Status(status @ (403 | 404)) => error(dialect, status, "You do not have permission to see this, or it does not exist."),
        FaultKind::Status(503) => Answer::text(503, "text/plain", "upstream connect error or disconnect/reset before headers"),
        FaultKind::Status(status) if status != 502 => error(dialect, status, "Something went wrong."),
        FaultKind::Html => Answer::text(200, "text/html; charset=utf-8", HTML),
        FaultKind::Empty => empty(dialect, template),
        other => return faults::inject(other),
    })
}

pub(crate) fn unauthorised(dialect: Dialect) -> Answer {
    let message = "Client must be authenticated to access this resource.";
    match dialect {
        Dialect::Jira => Answer { status: 401, ..Answer::json(render(&json!({"message": message, "status-code": 401}))) }
            .header("x-seraph-loginreason", "AUTHENTICATED_FAILED"),
        _ => error(dialect, 401, message),
    }
}

/// A list that says it is complete, in every shape the site has.
fn empty(dialect: Dialect, template: &str) -> Answer {
    let array = ["/users/search", "/field", "/status", "/worklog/list"].iter().any(|end| template.ends_with(end));
    Answer::json(match dialect {
        _ if array => render(&json!([])),
        Dialect::Confluence => render(&json!({"results": [], "start": 0, "limit": 25, "size": 0, "totalSize": 0, "_links": {}})),
        _ => render(&json!({
            "issues": [], "values": [], "issueChangeLogs": [], "issueErrors": [], "isLast": true, "lastPage": true, "startAt": 0,
            "maxResults": 50, "total": 0, "count": 0, "since": 0, "until": 0,
        })),
    })
}

/// The 429 of a limit. `reset` and `retry_after` are seconds from now.
pub(crate) fn limited(dialect: Dialect, reason: LimitReason, retry_after: Option<u64>, reset: Option<u64>) -> Answer {
    let product = if dialect == Dialect::Confluence { "confluence" } else { "jira" };
    let reason = match reason {
        LimitReason::Burst => Some("burst-based"),
        LimitReason::QuotaGlobal => Some("quota-global-based"),
        LimitReason::QuotaTenant => Some("quota-tenant-based"),
        LimitReason::Cost => Some("cost-based"),
        LimitReason::Gateway => None,
    };
    let mut answer = match reason {
        Some(_) => error(dialect, 429, "Rate limit exceeded."),
        None => Answer { status: 429, ..Answer::json(render(&json!({"code": 429, "message": "Rate limit exceeded"}))) },
    };
    if let Some(reason) = reason {
        answer = answer.header("ratelimit-reason", format!("{product}-{reason}")).header("x-ratelimit-remaining", "0");
    }
    if let Some(seconds) = retry_after {
        answer = answer.header("retry-after", seconds.to_string());
    }
    match reset {
        Some(seconds) => answer.header("x-ratelimit-reset", iso(seconds, dialect)),
        None => answer,
    }
}

/// Jira to the second; Confluence to the minute, rounded up.
pub(crate) fn iso(seconds: u64, dialect: Dialect) -> String {
    let at = Utc::now() + Duration::seconds(seconds.min(10_000_000) as i64);
    match dialect {
        Dialect::Confluence => (at + Duration::seconds(59)).format("%Y-%m-%dT%H:%MZ").to_string(),
        _ => (at + Duration::milliseconds(999)).to_rfc3339_opts(SecondsFormat::Secs, true),
    }
}

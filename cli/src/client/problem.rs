//! The API's problem documents as errors.

use ovia_domain::ErrorCode;
use reqwest::StatusCode;
use serde::Deserialize;

use crate::exit::{CliError, Exit};

#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
    hint: Option<String>,
    #[serde(default)]
    errors: Vec<FieldProblem>,
    request_id: Option<String>,
    run_id: Option<String>,
}

#[derive(Deserialize)]
struct FieldProblem {
    field: String,
    message: String,
}

/// What `status` with `body` means for the user.
pub fn to_error(status: StatusCode, body: &str) -> CliError {
    let Ok(problem) = serde_json::from_str::<Problem>(body) else { return without_problem(status) };
    let code = ErrorCode::parse(&problem.code);
    let mut message = problem.detail.trim_end_matches('.').to_owned();
    // A single field is named by the sentence already.
    if problem.errors.len() > 1 {
        for error in &problem.errors {
            message.push_str(&format!("\n  - {}: {}", error.field, error.message));
        }
    }
    if code == ErrorCode::ServerError
        && let Some(id) = &problem.request_id
    {
        message.push_str(&format!(" (request {id})"));
    }
    let hint = match (code, &problem.run_id) {
        (ErrorCode::Conflict, Some(id)) => {
            Some(format!("Wait for it with `ovia runs watch {id}`, or stop it with `ovia runs cancel {id}`."))
        }
        (ErrorCode::Unauthenticated, _) => {
            Some("Set OVIA_TOKEN (or --token) to a token that the server printed at its first start.".to_owned())
        }
        _ => problem.hint,
    };
    CliError { exit: Exit::from(code), message, hint, run_id: problem.run_id }
}

/// An answer that is not Ovia's: a proxy's, or another server's.
fn without_problem(status: StatusCode) -> CliError {
    let exit = match status.as_u16() {
        401 | 403 => Exit::Unauthenticated,
        404 => Exit::NotFound,
        409 => Exit::Conflict,
        502..=504 => Exit::Unreachable,
        _ => Exit::Failure,
    };
    CliError::new(exit, format!("the server answered {status}, and not in the way Ovia's API does"))
        .hint("Check that --api-url (or OVIA_API_URL) is the API's address.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_becomes_a_sentence_a_hint_and_an_exit_code() {
        let body = r#"{"code":"CONFLICT","detail":"A sync is running.","hint":"Wait.","errors":[],"request_id":"r","run_id":"42"}"#;
        let error = to_error(StatusCode::CONFLICT, body);
        assert_eq!((error.exit, error.message.as_str(), error.run_id.as_deref()), (Exit::Conflict, "A sync is running", Some("42")));
        assert!(error.hint.is_some_and(|hint| hint.contains("ovia runs watch 42")));
    }

    #[test]
    fn several_fields_are_listed() {
        let body = r#"{"code":"VALIDATION_ERROR","detail":"Not valid.","hint":"","errors":[{"field":"a","message":"x"},{"field":"b","message":"y"}]}"#;
        let error = to_error(StatusCode::BAD_REQUEST, body);
        assert_eq!(error.exit, Exit::Usage);
        assert_eq!(error.message, "Not valid\n  - a: x\n  - b: y");
    }

    #[test]
    fn answers_of_other_servers_are_told_apart() {
        assert_eq!(to_error(StatusCode::BAD_GATEWAY, "<html>").exit, Exit::Unreachable);
        assert_eq!(to_error(StatusCode::NOT_FOUND, "{}").exit, Exit::NotFound);
    }
}

//! Both ways GitLab takes a token.

use super::Call;

pub(crate) fn is_authorised(call: &Call, token: &str) -> bool {
    let bearer = call.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    call.header("private-token").or(bearer) == Some(token)
}

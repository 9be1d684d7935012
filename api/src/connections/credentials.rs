//! Credentials as a user typed them: those the source asks for, no others, and nothing in them that cannot be sent.
//!
//! Refusals never repeat what was given.

use std::collections::BTreeMap;

use ovia_domain::Source;
use secrecy::SecretString;

use super::types::CredentialsIn;
use crate::problem::Problem;

const MAX_BYTES: usize = 4096;

/// The `credentials` object as it is sealed: JSON text.
pub(super) fn credentials(source: Source, body: CredentialsIn) -> Result<SecretString, Problem> {
    let sets = source.descriptor().credential_sets;
    let given = body.given();
    let has = |name: &str| given.iter().any(|(given, _)| *given == name);
    for (name, _) in &given {
        if !sets.iter().any(|set| set.contains(name)) {
            return Err(Problem::field(field(name), format!("{source} takes {}", alternatives(sets))));
        }
    }
    // the alternative of which the most is there is the one that was meant
    let Some(meant) = sets.iter().rev().max_by_key(|set| set.iter().filter(|name| has(name)).count()) else {
        return Err(Problem::internal(format!("{source} has no credentials")));
    };
    if let Some(missing) = meant.iter().find(|name| !has(name)) {
        return Err(Problem::field(field(missing), format!("it is missing; {source} needs {}", alternatives(sets))));
    }
    if let Some((extra, _)) = given.iter().find(|(name, _)| !meant.contains(name)) {
        return Err(Problem::field(field(extra), format!("it is one too many; give {}", alternatives(sets))));
    }
    let mut checked: BTreeMap<&str, String> = BTreeMap::new();
    for (name, text) in given {
        checked.insert(name, usable(name, &text)?);
    }
    Ok(SecretString::from(serde_json::to_string(&checked).map_err(|error| Problem::internal(error.to_string()))?))
}

fn usable(name: &str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Problem::field(field(name), "it is empty"));
    }
    if text.len() > MAX_BYTES {
        return Err(Problem::field(field(name), format!("it is longer than {MAX_BYTES} bytes")));
    }
    if name == "email" {
        // a colon would end the user's name in the header
        let is_address = text.contains('@') && !text.chars().any(|c| c == ':' || c.is_whitespace() || c.is_control());
        return if is_address { Ok(text.to_owned()) } else { Err(Problem::field(field(name), "it is not an e-mail address")) };
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "it holds characters that cannot be in a token: white space, control or non-ASCII ones";
        return Err(Problem::field(field(name), message));
    }
    Ok(text.to_owned())
}

fn field(name: &str) -> String {
    format!("credentials.{name}")
}

/// `email and api_token, or access_token`.
fn alternatives(sets: &[&[&str]]) -> String {
    sets.iter().map(|set| set.join(" and ")).collect::<Vec<_>>().join(", or ")
}

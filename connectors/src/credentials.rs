//! A connection's credentials: named secrets.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// Named secrets, opened: `token`, or `email` and `api_token`. Shows names only.
#[derive(Clone, Default)]
pub struct Credentials {
    by_name: BTreeMap<String, SecretString>,
}

impl Credentials {
    /// Reads what was sealed: a JSON object of texts. Anything else is a bare token.
    pub fn parse(sealed: &SecretString) -> Self {
        let text = sealed.expose_secret();
        match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => Self {
                by_name: fields
                    .into_iter()
                    .filter_map(|(name, value)| match value {
                        Value::String(text) => Some((name, SecretString::from(text))),
                        _ => None,
                    })
                    .collect(),
            },
            _ => Self::token(sealed.clone()),
        }
    }

    /// One secret, named `token`.
    pub fn token(token: SecretString) -> Self {
        Self { by_name: BTreeMap::from([("token".to_owned(), token)]) }
    }

    /// The secret of this name, unless it is blank.
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.by_name.get(name).filter(|secret| !secret.expose_secret().trim().is_empty())
    }

    /// All of them as one text, for telling equal credentials from others: of a lone token the token itself, whichever way it was sealed.
    pub fn canonical(&self) -> SecretString {
        match self.get("token") {
            Some(token) if self.by_name.len() == 1 => token.clone(),
            _ => {
                let fields: BTreeMap<&str, &str> =
                    self.by_name.iter().map(|(name, secret)| (name.as_str(), secret.expose_secret())).collect();
                SecretString::from(serde_json::to_string(&fields).unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn parse(text: &str) -> Credentials {
        Credentials::parse(&SecretString::from(text))
    }

    #[test]
    fn objects_and_bare_tokens_are_read() {
        let both = parse(r#"{"email": "ada@acme.example", "api_token": "s3cret", "n": 1}"#);
        assert_eq!(both.get("api_token").unwrap().expose_secret(), "s3cret");
        assert!(both.get("token").is_none() && both.get("n").is_none());
        for bare in ["s3cret", "12345", "[1]", "{broken"] {
            assert_eq!(parse(bare).get("token").unwrap().expose_secret(), bare);
        }
        assert!(parse(r#"{"token": " "}"#).get("token").is_none(), "blank counts as absent");
    }

    #[test]
    fn debug_shows_names_only() {
        assert_eq!(format!("{:?}", parse(r#"{"email": "ada@acme.example", "api_token": "s3cret"}"#)), r#"{"api_token", "email"}"#);
    }

    #[test]
    fn a_token_is_the_same_however_it_was_sealed() {
        assert_eq!(parse(r#"{"token": "a"}"#).canonical().expose_secret(), parse("a").canonical().expose_secret());
        let (one, other) = (parse(r#"{"email":"e","api_token":"a"}"#), parse(r#"{"api_token": "a", "email": "e"}"#));
        assert_eq!(one.canonical().expose_secret(), other.canonical().expose_secret());
        assert_ne!(one.canonical().expose_secret(), parse(r#"{"email":"e","api_token":"b"}"#).canonical().expose_secret());
    }
}

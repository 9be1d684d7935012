//! Reading one setting after the other from the environment over the defaults, collecting what is wrong.
//!
//! Values are never repeated in a problem for secrets, and always otherwise.

use std::{collections::BTreeMap, fmt::Display, net::SocketAddr, ops::RangeInclusive};

use secrecy::SecretString;

use super::Problems;

const DEFAULTS: &str = include_str!("default.toml");

/// OVIA_ variables that are no settings of a service.
const OTHER_VARIABLES: &[&str] = &["API_URL", "TOKEN", "DATA_DIR", "TOOLS_DIR"];

/// Environment variables by name.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    pub fn of_process() -> Self {
        // A variable that is not UTF-8 is none of ours.
        Self(std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect())
    }

    #[cfg(test)]
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

/// The defaults, what overrides them, and the problems so far.
pub struct Layers {
    environment: Environment,
    defaults: toml::Table,
    problems: Problems,
}

impl Layers {
    pub fn new(environment: Environment) -> Self {
        let mut problems = Problems::default();
        // A test parses the file, so this cannot fail in a build that passed.
        let defaults = DEFAULTS.parse().unwrap_or_else(|error| {
            problems.0.push(format!("default.toml: {error}"));
            toml::Table::new()
        });
        let layers = Self { environment, defaults, problems };
        layers.warn_of_unknown();
        layers
    }

    /// The problems, if there are any.
    pub fn finish(self) -> Result<(), Problems> {
        if self.problems.0.is_empty() { Ok(()) } else { Err(self.problems) }
    }

    /// The value, unless it is empty.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = match self.environment.0.get(&variable(name)) {
            Some(text) => text.trim().to_owned(),
            None => match self.defaults.get(name)? {
                toml::Value::String(text) => text.clone(),
                other => other.to_string(),
            },
        };
        Some(text).filter(|text| !text.is_empty())
    }

    pub fn require(&mut self, name: &str) {
        if self.text(name).is_none() && !self.problems.0.iter().any(|problem| problem.starts_with(&variable(name))) {
            self.problem(name, "it is not set");
        }
    }

    pub fn parsed<T>(&mut self, name: &str, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let value = parse(&text);
        if value.is_none() {
            self.problem(name, &format!("`{text}` is not {expected}"));
        }
        value
    }

    pub fn number(&mut self, name: &str, min: u32, max: u32) -> u32 {
        let range: RangeInclusive<u32> = min..=max;
        self.require(name);
        self.parsed(name, &format!("a number from {min} to {max}"), |text| text.parse().ok().filter(|number| range.contains(number)))
            .unwrap_or(min)
    }

    pub fn flag(&mut self, name: &str) -> bool {
        self.parsed(name, "true or false", |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        })
        .unwrap_or(false)
    }

    pub fn address(&mut self, name: &str) -> Option<SocketAddr> {
        self.parsed(name, "an address and port as 127.0.0.1:8080", |text| text.parse().ok())
    }

    /// A value that must not be printed.
    pub fn secret(&mut self, name: &str, needed: bool, check: impl FnOnce(&str) -> Result<(), String>) -> Option<SecretString> {
        let Some(text) = self.text(name) else {
            if needed {
                self.problem(name, "it is not set");
            }
            return None;
        };
        match check(&text) {
            Ok(()) => Some(SecretString::from(text)),
            Err(why) => {
                self.problem(name, &why);
                None
            }
        }
    }

    /// Something read elsewhere, whose failure is one of the problems.
    pub fn checked<T>(&mut self, what: &str, result: Result<T, impl Display>) -> Option<T> {
        result.map_err(|error| self.problems.0.push(format!("{what}: {error}"))).ok()
    }

    fn problem(&mut self, name: &str, why: &str) {
        self.problems.0.push(format!("{}: {why}", variable(name)));
    }

    /// A misspelt variable is otherwise ignored without a word.
    fn warn_of_unknown(&self) {
        for name in self.unknown() {
            tracing::warn!("the environment variable {name} is not a setting of Ovia");
        }
    }

    fn unknown(&self) -> Vec<&str> {
        let known = |rest: &str| {
            OTHER_VARIABLES.contains(&rest) || rest.starts_with("TEST_") || self.defaults.contains_key(&rest.to_ascii_lowercase())
        };
        self.environment.0.keys().filter(|name| name.strip_prefix("OVIA_").is_some_and(|rest| !known(rest))).map(String::as_str).collect()
    }
}

/// `api_listen` → `OVIA_API_LISTEN`.
fn variable(name: &str) -> String {
    format!("OVIA_{}", name.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_variables_are_found() {
        let layers = Layers::new(Environment::of(&[
            ("OVIA_DATABSE_URL", "x"),
            ("OVIA_TOKEN", "x"),
            ("OVIA_LOG", "info"),
            ("OVIA_TEST_X", "x"),
            ("PATH", "x"),
        ]));
        assert_eq!(layers.unknown(), ["OVIA_DATABSE_URL"]);
    }
}

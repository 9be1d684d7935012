//! Exit codes, and the one error type of the binary: a sentence, a hint, an exit code.

use std::{fmt, io, process::ExitCode};

use ovia_domain::ErrorCode;
use ovia_engines::EnginesError;

/// What the process ends with. Documented in `docs/cli.md` and `ovia --help`; scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The reader of our output went away; there is nothing to say.
    Quiet = 0,
    Failure = 1,
    Usage = 2,
    Unauthenticated = 3,
    NotFound = 4,
    Conflict = 5,
    Unreachable = 6,
    /// A run that was waited for ended `degraded`.
    Degraded = 7,
    /// Interrupted, or a run that was waited for was cancelled.
    Cancelled = 130,
}

/// The text of `--help`.
pub const EXIT_CODES_HELP: &str = "Exit codes:
  0    done
  1    failed, or the run that was waited for failed
  2    wrong usage or configuration, or values the API refused
  3    no token, a wrong one, or one that may not do this
  4    not found
  5    conflict with what is there or running
  6    the API, an engine or the source cannot be reached
  7    the run that was waited for ended degraded
  130  interrupted, or the run that was waited for was cancelled";

#[derive(Debug)]
pub struct CliError {
    pub exit: Exit,
    /// A sentence without a full stop.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The run that stands in the way, for conflicts that name one.
    pub run_id: Option<String>,
}

pub type CliResult<T = ()> = Result<T, CliError>;

impl CliError {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, run_id: None }
    }

    pub fn failure(message: impl Into<String>) -> Self {
        Self::new(Exit::Failure, message)
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints the error the way people read it and answers the exit code.
    pub fn report(&self) -> ExitCode {
        if self.exit != Exit::Quiet {
            eprintln!("error: {}", self.message);
            if let Some(hint) = &self.hint {
                eprintln!("hint: {hint}");
            }
        }
        ExitCode::from(self.exit as u8)
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ErrorCode> for Exit {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Unauthenticated | ErrorCode::Forbidden => Self::Unauthenticated,
            ErrorCode::NotFound => Self::NotFound,
            ErrorCode::Conflict => Self::Conflict,
            ErrorCode::ValidationError | ErrorCode::NotConfigured => Self::Usage,
            ErrorCode::UpstreamUnreachable => Self::Unreachable,
            ErrorCode::RateLimited | ErrorCode::ServerError => Self::Failure,
        }
    }
}

impl From<EnginesError> for CliError {
    fn from(error: EnginesError) -> Self {
        let exit = match &error {
            EnginesError::Locked { .. } => Exit::Conflict,
            _ => Exit::Failure,
        };
        Self::new(exit, error.to_string()).hint(error.hint())
    }
}

/// Failures of writing to stdout.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::Quiet, "the reader of the output is gone"),
            _ => Self::failure(error.to_string()),
        }
    }
}

impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        Self::failure(format!("{error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_code_has_an_exit_code_of_the_table() {
        for code in ErrorCode::ALL {
            let number = Exit::from(code) as u8;
            assert!(EXIT_CODES_HELP.contains(&format!("\n  {number} ")), "{code}");
        }
        assert_eq!(Exit::from(ErrorCode::Unauthenticated) as u8, 3);
        assert_eq!(Exit::from(ErrorCode::UpstreamUnreachable) as u8, 6);
    }

    #[test]
    fn a_broken_pipe_is_quiet() {
        assert_eq!(CliError::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit, Exit::Quiet);
        assert_eq!(CliError::from(io::Error::from(io::ErrorKind::StorageFull)).exit, Exit::Failure);
    }
}

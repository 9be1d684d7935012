//! A source's credentials: read from variables, from stdin or at a prompt, never from the command line, where other users of the machine
//! and the shell's history would see them.

use std::io::{IsTerminal, Read, Write};

use clap::Args;
use ovia_domain::Source;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::exit::{CliError, CliResult};

#[derive(Debug, Args)]
pub struct CredentialArgs {
    /// A credential and the environment variable that holds it, as `api_token=JIRA_TOKEN` (may be repeated; `ovia connectors list` names
    /// them).
    #[arg(long = "credential", value_name = "NAME=VARIABLE", value_parser = named)]
    credentials: Vec<(String, String)>,
    /// The environment variable that holds the source's token: the same as `--credential token=VARIABLE`.
    #[arg(long, value_name = "VARIABLE", conflicts_with = "token_stdin")]
    token_env: Option<String>,
    /// Read the source's token from stdin.
    #[arg(long)]
    token_stdin: bool,
}

impl CredentialArgs {
    /// What was given, as the API wants it; empty if nothing was.
    pub fn given(&self) -> CliResult<Map<String, Value>> {
        let mut given = Map::new();
        let token = self.token_env.iter().map(|variable| ("token", variable.as_str()));
        for (name, variable) in self.credentials.iter().map(|(name, variable)| (name.as_str(), variable.as_str())).chain(token) {
            let value = std::env::var(variable).map_err(|_| CliError::usage(format!("the environment variable {variable} is not set")))?;
            put(&mut given, name, &value)?;
        }
        if self.token_stdin {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            put(&mut given, "token", &text)?;
        }
        Ok(given)
    }

    /// What was given or, where nothing was, what is typed in.
    pub fn given_or_asked(&self, source: &str) -> CliResult<Map<String, Value>> {
        let given = self.given()?;
        if !given.is_empty() {
            return Ok(given);
        }
        let names = wanted(source);
        if !std::io::stdin().is_terminal() {
            let flags: Vec<String> = names.iter().map(|name| format!("--credential {name}=VARIABLE")).collect();
            let stdin = if names == ["token"] { ", or --token-stdin" } else { "" };
            return Err(CliError::usage("no credentials are given").hint(format!("Pass them with {}{stdin}.", flags.join(" "))));
        }
        let mut typed = Map::new();
        for name in names {
            let answer =
                if is_secret(source, name) { SecretString::from(rpassword::prompt_password(format!("{name}: "))?) } else { asked(name)? };
            put(&mut typed, name, answer.expose_secret())?;
        }
        Ok(typed)
    }
}

/// The fields of the first way in which the source takes credentials. What the API knows and this program does not has a token.
fn wanted(source: &str) -> &'static [&'static str] {
    Source::parse(source).and_then(|source| source.descriptor().credential_sets.first()).copied().unwrap_or(&["token"])
}

fn is_secret(source: &str, name: &str) -> bool {
    let fields = Source::parse(source).map(|source| source.descriptor().credentials).unwrap_or_default();
    fields.iter().find(|field| field.name == name).is_none_or(|field| field.secret)
}

fn asked(name: &str) -> CliResult<SecretString> {
    eprint!("{name}: ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(SecretString::from(line))
}

fn put(into: &mut Map<String, Value>, name: &str, text: &str) -> CliResult {
    let text = text.trim();
    if text.is_empty() {
        return Err(CliError::usage(format!("the credential `{name}` is empty")));
    }
    into.insert(name.to_owned(), Value::String(text.to_owned()));
    Ok(())
}

fn named(text: &str) -> Result<(String, String), String> {
    let (name, variable) =
        text.split_once('=').filter(|(name, variable)| !name.is_empty() && !variable.is_empty()).ok_or("it is not NAME=VARIABLE")?;
    Ok((name.to_owned(), variable.to_owned()))
}

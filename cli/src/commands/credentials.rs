//! A source's credentials: read from variables, from stdin or at a prompt, never from the command line, where other users of the machine
//! and the shell's history would see them.

use std::{
    collections::BTreeSet,
    io::{IsTerminal, Read, Write},
};

use clap::Args;
use ovia_domain::Source;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::exit::{CliError, CliResult};

const NOT_ITSELF: &str = "Put it into a variable, and give the variable's name.";

#[derive(Debug, Args)]
pub struct CredentialArgs {
    /// A credential and the environment variable that holds it, as `api_token=JIRA_TOKEN` (may be repeated; `ovia connectors list` names
    /// them).
    // read by `named`: a refusal of clap's would repeat what was given, which may be the credential itself
    #[arg(long = "credential", value_name = "NAME=VARIABLE")]
    credentials: Vec<String>,
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
        for text in &self.credentials {
            let (name, variable) = named(text)?;
            put(&mut given, name, secret_in(variable, &format!("the credential `{name}`"))?.expose_secret())?;
        }
        if let Some(variable) = &self.token_env {
            put(&mut given, "token", secret_in(variable, "the credential `token`")?.expose_secret())?;
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

/// The name of a credential, and the variable that holds it.
fn named(text: &str) -> CliResult<(&'static str, &str)> {
    // tokens end in `=` and some digits: what stands before it is said only where it is a name we know
    let known: BTreeSet<&str> = Source::ALL.iter().flat_map(|source| source.descriptor().credentials).map(|field| field.name).collect();
    let found = text.split_once('=').and_then(|(name, variable)| Some((*known.get(name)?, variable)));
    found.ok_or_else(|| {
        let names = known.into_iter().collect::<Vec<_>>().join(", ");
        CliError::usage("--credential is given what is not NAME=VARIABLE").hint(format!("The names are {names}. {NOT_ITSELF}"))
    })
}

/// What an environment variable holds. Who gives the secret where the variable's name belongs reads it nowhere: nothing given is repeated.
pub fn secret_in(variable: &str, what: &str) -> CliResult<SecretString> {
    let mut chars = variable.chars();
    let is_name = chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|other| other.is_ascii_alphanumeric() || other == '_');
    if !is_name {
        return Err(CliError::usage(format!("what is given for {what} is no name of an environment variable")).hint(NOT_ITSELF));
    }
    let missing = |_| CliError::usage(format!("the environment variable given for {what} is not set")).hint(NOT_ITSELF);
    std::env::var(variable).map(SecretString::from).map_err(missing)
}

//! Which API, with which token.
//!
//! Address and token belong together: the token of the data directory is sent only to the address found in the same place.

use secrecy::SecretString;

use super::ApiClient;
use crate::{
    app::Global,
    exit::{CliError, CliResult, Exit},
    local::{DevFile, LocalFiles},
};

/// An API.
pub struct Target {
    pub api_url: String,
    /// The `ovia dev` of the data directory that serves it, or did when it ran.
    pub dev: Option<DevFile>,
}

/// The API that the options, the environment, or a running `ovia dev` name; `None` where none does.
pub fn api_named(global: &Global) -> CliResult<Option<Target>> {
    let dev = LocalFiles::new(&global.data_dir).dev_read()?;
    Ok(match (given(&global.api_url), dev) {
        (Some(api_url), dev) => Some(Target { dev: dev.filter(|dev| api_url.trim_end_matches('/') == dev.api_url), api_url }),
        (None, Some(dev)) if dev.running => Some(Target { api_url: dev.api_url.clone(), dev: Some(dev) }),
        (None, _) => None,
    })
}

/// A client of that API, with the token that belongs to it.
pub fn target(global: &Global) -> CliResult<ApiClient> {
    let Target { api_url, dev } = api_named(global)?.ok_or_else(|| nowhere(global))?;
    let token = match given(&global.token) {
        Some(token) => Some(SecretString::from(token)),
        None if dev.is_some() => LocalFiles::new(&global.data_dir).token_read()?,
        None => None,
    };
    let token = token.ok_or_else(|| {
        CliError::new(Exit::Unauthenticated, format!("no API token is given for {api_url}"))
            .hint("Set OVIA_TOKEN (or --token) to a token that the server printed at its first start.")
    })?;
    ApiClient::new(&api_url, token)
}

/// What is blank is not given.
fn given(text: &Option<String>) -> Option<String> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(ToOwned::to_owned)
}

fn nowhere(global: &Global) -> CliError {
    CliError::new(Exit::Unreachable, format!("no API address is given, and no `ovia dev` runs on {}", global.data_dir.display()))
        .hint("Start `ovia dev`, or set OVIA_API_URL and OVIA_TOKEN.")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::local::DevFile;
    use std::path::Path;

    fn global(folder: &Path, api_url: Option<&str>, token: Option<&str>) -> Global {
        Global { json: false, api_url: api_url.map(Into::into), token: token.map(Into::into), data_dir: folder.to_owned() }
    }

    #[test]
    fn the_local_token_goes_to_the_local_address_only() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(target(&global(folder.path(), None, None)).unwrap_err().exit, Exit::Unreachable);

        let files = LocalFiles::new(folder.path());
        files.dev_write(&DevFile { api_url: "http://127.0.0.1:8080".into(), temporal_ui_url: String::new(), running: true }).unwrap();
        files.token_write(&SecretString::from("local")).unwrap();
        assert!(target(&global(folder.path(), None, None)).is_ok());
        assert!(target(&global(folder.path(), Some("http://127.0.0.1:8080/"), None)).is_ok());
        let stranger = target(&global(folder.path(), Some("https://ovia.example"), None)).unwrap_err();
        assert_eq!(stranger.exit, Exit::Unauthenticated);
        assert!(target(&global(folder.path(), Some("https://ovia.example"), Some("t"))).is_ok());
        assert_eq!(target(&global(folder.path(), Some("ovia"), Some("t"))).unwrap_err().exit, Exit::Usage);
    }
}

//! What `ovia dev` leaves in its data directory for later starts and for the operator verbs. Secrets are files of mode 0600.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ovia_engines::private_file_write;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::exit::{CliError, CliResult};

/// The files of one data directory.
#[derive(Clone, Debug)]
pub struct LocalFiles {
    folder: PathBuf,
}

/// `dev.json`: where the environment is reachable. `running` is false once it was stopped in order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DevFile {
    pub api_url: String,
    pub temporal_ui_url: String,
    pub running: bool,
}

impl LocalFiles {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub fn dev_read(&self) -> CliResult<Option<DevFile>> {
        self.json_read("dev.json")
    }

    pub fn dev_write(&self, dev: &DevFile) -> CliResult {
        self.json_write("dev.json", dev)
    }

    pub fn token_read(&self) -> CliResult<Option<SecretString>> {
        Ok(self.read("token")?.map(|text| SecretString::from(text.trim())))
    }

    pub fn token_write(&self, token: &SecretString) -> CliResult {
        self.write("token", token.expose_secret())
    }

    /// The database's URL, password included.
    pub fn database_url_read(&self) -> CliResult<Option<SecretString>> {
        Ok(self.read("database-url")?.map(|text| SecretString::from(text.trim())))
    }

    /// Keeps it, for verbs that need the database itself.
    pub fn database_url_write(&self, url: &SecretString) -> CliResult {
        self.write("database-url", url.expose_secret())
    }

    /// The keyring that seals credentials, made with `generate` at the first start.
    pub fn sealing_key(&self, generate: impl FnOnce() -> String) -> CliResult<SecretString> {
        if let Some(text) = self.read("sealing-key")? {
            return Ok(SecretString::from(text.trim()));
        }
        let key = generate();
        self.write("sealing-key", &key)?;
        Ok(SecretString::from(key))
    }

    /// The JSON file `name`, if it is there.
    pub fn json_read<T: DeserializeOwned>(&self, name: &str) -> CliResult<Option<T>> {
        let Some(text) = self.read(name)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| self.failed("read", name, &error.to_string()))
    }

    pub fn json_write(&self, name: &str, value: &impl Serialize) -> CliResult {
        let text = serde_json::to_string_pretty(value).map_err(|error| self.failed("write", name, &error.to_string()))?;
        self.write(name, &text)
    }

    fn read(&self, name: &str) -> CliResult<Option<String>> {
        match fs::read_to_string(self.folder.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(self.failed("read", name, &error.to_string())),
        }
    }

    fn write(&self, name: &str, text: &str) -> CliResult {
        private_file_write(&self.folder.join(name), text.as_bytes()).map_err(|error| self.failed("write", name, &error.to_string()))
    }

    fn failed(&self, what: &str, name: &str, why: &str) -> CliError {
        CliError::failure(format!("failed to {what} {}: {why}", self.folder.join(name).display()))
            .hint("Check the folder's permissions, or choose another with --data-dir.")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_sealing_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let files = LocalFiles::new(folder.path());
        assert_eq!(files.sealing_key(|| "first".into()).unwrap().expose_secret(), "first");
        assert_eq!(files.sealing_key(|| "second".into()).unwrap().expose_secret(), "first");
    }

    #[test]
    fn a_folder_that_is_not_there_holds_nothing() {
        let files = LocalFiles::new(Path::new("/nonexistent/ovia"));
        assert!(files.dev_read().unwrap().is_none());
        assert!(files.token_read().unwrap().is_none());
    }
}

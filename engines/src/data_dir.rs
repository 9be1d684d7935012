//! The folder the engines live in: locked while in use, secrets readable by the owner only.
//!
//! The lock is a file lock, which the kernel drops with its holder: a killed run leaves nothing to clean up.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::error::{EnginesError, io_at};

/// A locked data directory. The lock is held until this is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// What a later start wants to find again, in `engines.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EnginesFile {
    pub postgres_password: String,
    pub postgres_port: u16,
    pub temporal_port: u16,
    pub temporal_ui_port: u16,
    pub temporal_metrics_port: u16,
}

impl DataDir {
    /// Creates `path` where it is missing and locks it.
    pub fn open(path: &Path) -> Result<Self, EnginesError> {
        let path = std::path::absolute(path).map_err(io_at(path))?;
        // Others may pass through (PostgreSQL runs as another user when we are root) but not list; files with secrets are 0600.
        DirBuilder::new().recursive(true).mode(0o711).create(&path).map_err(io_at(&path))?;
        let lock = lock(&path)?;
        let logs = path.join("logs");
        fs::create_dir_all(&logs).map_err(io_at(&logs))?;
        Ok(Self { path, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn log(&self, engine: &str) -> PathBuf {
        self.path.join("logs").join(format!("{engine}.log"))
    }

    pub(crate) fn engines_file_read(&self) -> Result<EnginesFile, EnginesError> {
        let file = self.path.join("engines.json");
        match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| EnginesError::Io { path: file, source: error.into() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(EnginesFile::default()),
            Err(error) => Err(io_at(&file)(error)),
        }
    }

    pub(crate) fn engines_file_write(&self, content: &EnginesFile) -> Result<(), EnginesError> {
        let file = self.path.join("engines.json");
        let bytes = serde_json::to_vec_pretty(content).map_err(|error| EnginesError::Io { path: file.clone(), source: error.into() })?;
        private_file_write(&file, &bytes).map_err(io_at(&file))
    }
}

fn lock(path: &Path) -> Result<File, EnginesError> {
    let file = path.join("lock");
    let mut lock = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(&file).map_err(io_at(&file))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            lock.read_to_string(&mut text).map_err(io_at(&file))?;
            return Err(EnginesError::Locked { path: path.to_owned(), pid: text.trim().parse().ok() });
        }
        Err(TryLockError::Error(error)) => return Err(io_at(&file)(error)),
    }
    let written = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| write!(lock, "{}", std::process::id()));
    written.map_err(io_at(&file))?;
    Ok(lock)
}

/// Writes `content` to `path` with mode 0600, whole or not at all.
pub fn private_file_write(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("a file needs a folder"))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.as_file().set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_second_opener_is_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b");
        let held = DataDir::open(&path).unwrap();
        let error = DataDir::open(&path).unwrap_err();
        assert!(matches!(error, EnginesError::Locked { pid: Some(pid), .. } if pid == std::process::id()), "{error}");
        drop(held);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn secrets_are_for_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(folder.path()).unwrap();
        data_dir.engines_file_write(&EnginesFile { postgres_port: 5, ..EnginesFile::default() }).unwrap();
        assert_eq!(data_dir.engines_file_read().unwrap().postgres_port, 5);
        let mode = folder.path().join("engines.json").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

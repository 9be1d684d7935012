//! Where PostgreSQL's server programs are.
//!
//! Debian keeps them out of PATH, one folder per major version, so all candidates are looked at: the one a data directory was made
//! with when there is one, else the newest.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    error::EnginesError,
    setpriv::{is_executable, on_path},
};

/// Older ones lack `gen_random_uuid()`, or are no longer maintained.
const OLDEST_MAJOR: u32 = 13;

/// A folder with `initdb` and `postgres` of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binaries {
    pub folder: PathBuf,
    pub major: u32,
}

impl Binaries {
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The programs for `cluster` (a PostgreSQL data directory, which may not exist yet).
pub(crate) fn find(cluster: &Path) -> Result<Binaries, EnginesError> {
    choose(candidates(), cluster)
}

fn choose(mut found: Vec<Binaries>, cluster: &Path) -> Result<Binaries, EnginesError> {
    found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
    let Some(newest) = found.first() else { return Err(EnginesError::NoPostgres) };
    let Ok(made_by) = fs::read_to_string(cluster.join("PG_VERSION")) else { return Ok(newest.clone()) };
    let made_by = made_by.trim();
    found.iter().find(|binaries| binaries.major.to_string() == made_by).cloned().ok_or_else(|| EnginesError::PostgresVersion {
        path: cluster.to_owned(),
        made_by: made_by.to_owned(),
        found: newest.major.to_string(),
    })
}

fn candidates() -> Vec<Binaries> {
    let mut folders: Vec<PathBuf> = Vec::new();
    // A link on PATH stands for the folder it points into.
    folders.extend(on_path("postgres").and_then(|file| file.canonicalize().ok()).and_then(|file| Some(file.parent()?.to_owned())));
    folders.extend(pg_config_bindir());
    for entry in fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten() {
        folders.push(entry.path().join("bin"));
    }
    let mut found: Vec<Binaries> = Vec::new();
    for folder in folders {
        if found.iter().all(|known| known.folder != folder) && ["initdb", "postgres"].iter().all(|name| is_executable(&folder.join(name))) {
            found.extend(major_of(&folder).filter(|&major| major >= OLDEST_MAJOR).map(|major| Binaries { folder, major }));
        }
    }
    found
}

fn pg_config_bindir() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok().filter(|output| output.status.success())?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

fn major_of(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    major_in(&String::from_utf8(output.stdout).ok()?)
}

/// `postgres (PostgreSQL) 15.18 (Debian …)` → 15; `17beta2` → 17.
fn major_in(version: &str) -> Option<u32> {
    let digits: String = version.split_whitespace().nth(2)?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn binaries(major: u32) -> Binaries {
        Binaries { folder: format!("/pg/{major}").into(), major }
    }

    #[test]
    fn reads_the_major_version() {
        assert_eq!(major_in("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major_in("postgres (PostgreSQL) 17beta2"), Some(17));
        assert_eq!(major_in("what"), None);
    }

    #[test]
    fn takes_the_version_a_folder_was_made_with_else_the_newest() {
        let cluster = tempfile::tempdir().unwrap();
        let found = || vec![binaries(14), binaries(17), binaries(15)];
        assert_eq!(choose(found(), cluster.path()).unwrap().major, 17);
        fs::write(cluster.path().join("PG_VERSION"), "15\n").unwrap();
        assert_eq!(choose(found(), cluster.path()).unwrap().major, 15);
        fs::write(cluster.path().join("PG_VERSION"), "12\n").unwrap();
        assert!(matches!(choose(found(), cluster.path()), Err(EnginesError::PostgresVersion { .. })));
        assert!(matches!(choose(Vec::new(), cluster.path()), Err(EnginesError::NoPostgres)));
    }
}

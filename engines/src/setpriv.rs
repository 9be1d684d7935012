//! `setpriv` in front of a child's command line: it asks Linux to signal the child when we die, and drops root.
//!
//! A program rather than our own code between fork and exec, which would be unsafe. util-linux has it on every Debian and Ubuntu;
//! without it (macOS) children simply do not get the parent-death signal.

use std::{ffi::OsString, path::PathBuf, sync::OnceLock};

/// The words to put before a command so that the child gets `signal` (`KILL`, `INT`) when its parent dies.
pub(crate) fn death_signal_prefix(signal: &str) -> Vec<OsString> {
    match setpriv_path() {
        Some(path) => vec![path.into(), "--pdeathsig".into(), signal.into(), "--".into()],
        None => Vec::new(),
    }
}

/// As `death_signal_prefix`, and the child runs as `user` (a name). `capabilities` are kept, as `dac_override`.
pub(crate) fn user_prefix(signal: &str, user: &str, capabilities: &[&str]) -> Option<Vec<OsString>> {
    let mut words = vec![setpriv_path()?.into(), "--pdeathsig".into(), signal.into()];
    words.extend(["--reuid", user, "--regid", user, "--clear-groups"].map(OsString::from));
    if !capabilities.is_empty() {
        let list: Vec<String> = capabilities.iter().map(|name| format!("+{name}")).collect();
        words.push(format!("--inh-caps={}", list.join(",")).into());
        words.push(format!("--ambient-caps={}", list.join(",")).into());
    }
    words.push("--".into());
    Some(words)
}

fn setpriv_path() -> Option<PathBuf> {
    static PATH: OnceLock<Option<PathBuf>> = OnceLock::new();
    PATH.get_or_init(|| cfg!(target_os = "linux").then(|| on_path("setpriv")).flatten()).clone()
}

/// The first executable called `name` on PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(|file| is_executable(file))
}

pub(crate) fn is_executable(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

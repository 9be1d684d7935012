//! Which user PostgreSQL runs as.
//!
//! It refuses root. When we are root it runs as `postgres` (else `nobody`), which usually cannot pass through a folder such as
//! /root: two capabilities let it, where the machine grants them to us. They let it read any file, which is why this is for
//! development only; a folder that every user may enter works without them.

use std::{
    ffi::OsString,
    os::unix::fs::chown,
    path::Path,
    process::{Command, Stdio},
};

use nix::unistd::{User, geteuid};

use crate::{
    error::{EnginesError, io_at},
    setpriv::{death_signal_prefix, user_prefix},
};

/// Tried in this order; containers often grant the first capability but not the second.
const CAPABILITY_SETS: [&[&str]; 3] = [&[], &["dac_override", "dac_read_search"], &["dac_override"]];

/// How to run a PostgreSQL program.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Words before the program's own.
    pub prefix: Vec<OsString>,
    user: Option<User>,
}

impl Account {
    /// Finds the account, and makes sure it can write into `folder` (which it is given) and run `program`.
    pub fn find(folder: &Path, program: &Path) -> Result<Self, EnginesError> {
        if !geteuid().is_root() {
            return Ok(Self { prefix: death_signal_prefix("INT"), user: None });
        }
        let user = ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten()).ok_or(EnginesError::NoAccount)?;
        chown(folder, Some(user.uid.as_raw()), Some(user.gid.as_raw())).map_err(io_at(folder))?;
        let prefixes = CAPABILITY_SETS.iter().filter_map(|set| user_prefix("INT", &user.name, set));
        let unreachable = EnginesError::NotReachable { path: folder.to_owned(), user: user.name.clone() };
        let prefix = prefixes.into_iter().find(|prefix| can_work(prefix, folder, program)).ok_or(unreachable)?;
        Ok(Self { prefix, user: Some(user) })
    }

    /// Gives `path` to the account.
    pub fn give(&self, path: &Path) -> Result<(), EnginesError> {
        let Some(user) = &self.user else { return Ok(()) };
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).map_err(io_at(path))
    }

    /// A command line that runs `program` as the account.
    pub fn words(&self, program: &Path) -> Vec<OsString> {
        let mut words = self.prefix.clone();
        words.push(program.into());
        words
    }
}

fn can_work(prefix: &[OsString], folder: &Path, program: &Path) -> bool {
    let mut command = Command::new(&prefix[0]);
    command.args(&prefix[1..]).args(["sh", "-c", "cd \"$1\" && test -w . && test -x \"$2\"", "sh"]).arg(folder).arg(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

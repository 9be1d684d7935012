//! The `with-engines` program: environment, exit code, and what is left when it ends in any way.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{sys::signal::kill, unistd::Pid};
use ovia_engines::Signal;

fn with_engines(tmp: &Path, script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_with-engines"));
    command.args(["--", "sh", "-c", script]).env("TMPDIR", tmp);
    command.env("OVIA_TOOLS_DIR", Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ovia/tools"));
    command.stdout(Stdio::piped());
    command
}

/// Process ids of everything below `parent`, with their command lines.
fn descendants(parent: u32) -> BTreeMap<u32, String> {
    let mut found = BTreeMap::new();
    let mut parents = vec![parent];
    let processes: Vec<(u32, u32)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?))
        })
        .collect();
    while let Some(parent) = parents.pop() {
        for (pid, _) in processes.iter().filter(|(_, of)| *of == parent) {
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            found.insert(*pid, line.replace('\0', " "));
            parents.push(*pid);
        }
    }
    found
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

fn wait_until_gone(pids: &BTreeMap<u32, String>) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let alive = |pid: u32| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    while let Some((pid, line)) = pids.iter().find(|(pid, _)| alive(**pid)) {
        assert!(Instant::now() < deadline, "process {pid} is still there: {line}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_exit_code_is_passed_on_and_the_folder_removed() {
    let tmp = tempfile::tempdir().unwrap();
    let script =
        "test -n \"$OVIA_TEST_DATABASE_URL\" && test -n \"$OVIA_TEST_TEMPORAL_ADDRESS\" && test -n \"$OVIA_TEST_TEMPORAL_UI\" && exit 7";
    let status = with_engines(tmp.path(), script).status().unwrap();
    assert_eq!(status.code(), Some(7));
    assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 0);
}

#[test]
fn a_killed_parent_leaves_no_children() {
    let tmp = tempfile::tempdir().unwrap();
    let mut child = with_engines(tmp.path(), "echo ready; exec sleep 600").spawn().unwrap();
    assert_eq!(first_line(&mut child), "ready");
    let below = descendants(child.id());
    for what in ["postgres", "temporal", "sleep 600"] {
        assert!(below.values().any(|line| line.contains(what)), "{what} in {below:?}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until_gone(&below);
}

#[test]
fn a_terminated_run_stops_everything_in_order() {
    let tmp = tempfile::tempdir().unwrap();
    let mut child = with_engines(tmp.path(), "echo ready; exec sleep 600").spawn().unwrap();
    assert_eq!(first_line(&mut child), "ready");
    let below = descendants(child.id());
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
    wait_until_gone(&below);
    assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 0);
}

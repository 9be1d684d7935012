//! `ovia dev` and `ovia demo` for real: engines, API and worker, started, found again, stopped.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    io::{BufRead, BufReader},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

fn tools_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ovia/tools")
}

fn ovia(data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ovia"));
    for name in ["OVIA_API_URL", "OVIA_TOKEN", "OVIA_DATABASE_URL"] {
        command.env_remove(name);
    }
    command.args(arguments).arg("--data-dir").arg(data_dir).env("OVIA_TOOLS_DIR", tools_dir()).stdin(Stdio::null());
    command
}

/// A running `ovia dev --json`; killed when dropped.
struct Dev {
    child: Child,
    ready: Value,
}

impl Dev {
    fn start(data_dir: &Path) -> Self {
        let mut child = ovia(data_dir, &["dev", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: serde_json::from_str(&line).unwrap() }
    }

    fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    fn terminate(mut self) -> ExitStatus {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_listening(url_or_address: &str) -> bool {
    let address = url_or_address.rsplit('/').next().unwrap();
    TcpStream::connect(address).is_ok()
}

fn run(mut command: Command) -> Output {
    command.output().unwrap()
}

#[test]
fn dev_starts_is_found_by_the_verbs_and_stops_everything() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data of dev");
    let dev = Dev::start(&data_dir);
    let (api_url, token) = (dev.text("api_url").to_owned(), dev.text("token").to_owned());
    assert!(dev.text("database_url").starts_with("postgres://") && token.starts_with("ovia_"));
    for address in ["api_url", "temporal_ui_url", "temporal_address"] {
        assert!(is_listening(dev.text(address)), "{address}");
    }

    // Files in the data directory are their owner's.
    for entry in std::fs::read_dir(&data_dir).unwrap().map(Result::unwrap) {
        let metadata = entry.metadata().unwrap();
        assert!(metadata.is_dir() || metadata.permissions().mode() & 0o077 == 0, "{} is open to others", entry.path().display());
    }

    // Address and token are found in the data directory.
    let listed = run(ovia(&data_dir, &["connectors", "list", "--json"]));
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["items"][0]["source"], "gitlab");

    // What is done on the server finds the database there.
    let settings = run(ovia(&data_dir, &["kpi", "settings", "set", "--person-level", "on"]));
    assert!(settings.status.success(), "{}", String::from_utf8_lossy(&settings.stderr));
    let of_somebody = ["kpi", "show", "--person", "018f0000-0000-7000-8000-0000000000a1", "--json"];
    assert_eq!(run(ovia(&data_dir, &of_somebody)).status.code(), Some(3), "this token may not see people");
    let allowed = run(ovia(&data_dir, &["kpi", "people-access", "first", "--allow", "--json"]));
    assert!(allowed.status.success(), "{}", String::from_utf8_lossy(&allowed.stderr));
    let seen = run(ovia(&data_dir, &of_somebody));
    assert!(seen.status.success(), "{}", String::from_utf8_lossy(&seen.stderr));
    let elsewhere = run(ovia(&data_dir, &["kpi", "people-access", "first", "--deny", "--api-url", "https://ovia.example"]));
    assert_eq!(elsewhere.status.code(), Some(6), "another server's tokens are not in this database");

    // A second one on the same data is told who holds it.
    let second = run(ovia(&data_dir, &["dev", "--json"]));
    assert_eq!(second.status.code(), Some(5));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains(&format!("process {}", dev.child.id())) && said.contains("--data-dir"), "{said}");

    let addresses: Vec<String> = ["api_url", "temporal_ui_url", "temporal_address"].map(|name| dev.text(name).to_owned()).to_vec();
    assert!(dev.terminate().success());
    for address in addresses {
        assert!(!is_listening(&address), "{address} is still there");
    }
    let stopped = run(ovia(&data_dir, &["connectors", "list"]));
    assert_eq!(stopped.status.code(), Some(6));
    let denied = run(ovia(&data_dir, &["kpi", "people-access", "first", "--deny"]));
    assert_eq!(denied.status.code(), Some(6), "{}", String::from_utf8_lossy(&denied.stderr));

    // A later start finds its data again: the token is the same and still good.
    let again = Dev::start(&data_dir);
    assert_eq!(again.text("token"), token);
    assert!(run(ovia(&data_dir, &["runs", "list"])).status.success());
    assert!(api_url.starts_with("http://127.0.0.1:"));
    assert!(again.terminate().success());
}

#[test]
fn a_demo_is_complete_and_a_second_one_finds_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let demo = || {
        let output = run(ovia(folder.path(), &["demo", "--exit", "--json", "--size", "small"]));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let first = demo();
    let kinds: Vec<&str> = first["runs"].as_array().unwrap().iter().map(|run| run["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["sync", "matching", "kpi_rollup"].repeat(3));
    let sources: Vec<&str> = first["runs"].as_array().unwrap().iter().filter_map(|run| run["source"].as_str()).collect();
    assert_eq!(sources, ["gitlab", "jira", "confluence"]);
    assert!(first["runs"].as_array().unwrap().iter().all(|run| run["status"] == "succeeded"));
    assert!(first["runs"][0]["counts"]["inserted"].as_i64().unwrap() > 500);
    assert_eq!(first["kpis"].as_array().unwrap().len(), ovia_domain::MetricKey::ALL.len());
    let [people, accounts] = ["people", "accounts"].map(|name| first[name].as_u64().unwrap());
    assert!(accounts > 2 * people, "{accounts} accounts of {people} people in three sources");
    for name in ["api_url", "docs_url", "token", "temporal_ui_url", "temporal_run_url"] {
        assert!(!first[name].as_str().unwrap().is_empty(), "{name}");
    }
    let named = |list: &str| first[list].as_array().unwrap().iter().map(|one| one["source"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!((named("sources"), named("connections")), (sources.clone(), sources.clone()));
    // the GitLab is also shown as it was when it was alone
    let gitlab = &first["sources"][0];
    let alone = json!({"base_url": gitlab["base_url"], "token": gitlab["credentials"]["token"], "group": gitlab["settings"]["groups"][0]});
    assert!(alone.as_object().unwrap().values().all(Value::is_string), "{alone}");
    assert_eq!((&first["company"], &first["connection"]), (&alone, &first["connections"][0]));
    assert!(!is_listening(first["api_url"].as_str().unwrap()));

    let second = demo();
    let ids = |shown: &Value| shown["connections"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&second), ids(&first));
    assert_eq!(second["token"], first["token"]);
    for sync in second["runs"].as_array().unwrap().iter().filter(|run| run["kind"] == "sync") {
        assert_eq!([&sync["counts"]["inserted"], &sync["counts"]["updated"]], [0, 0], "{sync}");
    }
    assert_eq!(second["kpis"].as_array().unwrap().len(), ovia_domain::MetricKey::ALL.len());
}

#[test]
fn services_report_all_missing_settings_at_once() {
    for verb in ["api", "worker"] {
        let output = run(ovia(Path::new("unused"), &[verb]));
        assert_eq!(output.status.code(), Some(2), "{verb}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("OVIA_DATABASE_URL") && said.contains("OVIA_SEALING_KEY"), "{said}");
    }
    assert_eq!(run(ovia(Path::new("unused"), &["migrate"])).status.code(), Some(2));
}

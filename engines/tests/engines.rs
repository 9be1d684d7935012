//! Engines started for real: beside each other, again, on taken ports, and ended in every way.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use nix::{sys::signal::kill, unistd::Pid};
use ovia_engines::{DataDir, Durability, Engines, EnginesConfig, EnginesError, Signal};

fn config() -> EnginesConfig {
    let tools_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ovia/tools");
    EnginesConfig { tools_dir, durability: Durability::Durable }
}

/// A folder whose name has a space.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("the data");
    (parent, path)
}

async fn start(path: &Path) -> Engines {
    Engines::start(DataDir::open(path).unwrap(), &config()).await.unwrap()
}

fn sql(url: &str, statement: &str) -> String {
    let output = Command::new("psql").args([url, "-Atqc", statement]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn postmaster_pid(path: &Path) -> Pid {
    let text = fs::read_to_string(path.join("postgres/data/postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_its_data_on_the_same_ports() {
    let (_parent, path) = folder();
    // Ports of its own, because another test may take the default ones between stop and start; and none that the kernel hands out.
    let lowest = 20_000 + (std::process::id() % 12_000) as u16;
    let mut free = (lowest..32_700).filter(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    let [postgres, temporal, ui] = [(); 3].map(|()| free.next().unwrap());
    fs::create_dir(&path).unwrap();
    let ports = format!(r#"{{"postgres_port":{postgres},"temporal_port":{temporal},"temporal_ui_port":{ui}}}"#);
    fs::write(path.join("engines.json"), ports).unwrap();
    let first = start(&path).await;
    assert_eq!(first.temporal_address(), format!("127.0.0.1:{temporal}"));
    let (url, address, ui) = (first.database_url(), first.temporal_address(), first.temporal_ui_url());
    sql(&url, "create table kept (word text); insert into kept values ('kept')");
    first.stop().await;

    let second = start(&path).await;
    assert_eq!((second.database_url(), second.temporal_address(), second.temporal_ui_url()), (url.clone(), address, ui));
    assert_eq!(sql(&url, "select word from kept"), "kept");
    // Wrong passwords are refused: the port is open to everyone on the machine.
    let stranger = url.replacen("ovia:", "ovia:x", 1);
    assert!(!Command::new("psql").args([&stranger, "-c", "select 1"]).output().unwrap().status.success());
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_run_beside_each_other_and_share_no_port() {
    let (_parent, path) = folder();
    let (one, two) = tokio::join!(start(&path), async {
        let (parent, path) = folder();
        (parent, start(&path).await)
    });
    let locked = DataDir::open(&path).unwrap_err();
    assert!(matches!(locked, EnginesError::Locked { pid: Some(pid), .. } if pid == std::process::id()), "{locked}");
    assert!(locked.hint().contains("--data-dir"));
    assert_ne!(one.database_url().rsplit(':').next(), two.1.database_url().rsplit(':').next());
    assert_ne!(one.temporal_address(), two.1.temporal_address());
    assert_ne!(one.temporal_ui_url(), two.1.temporal_ui_url());
    assert_eq!(sql(&two.1.admin_database_url(), "select 1"), "1");
    one.stop().await;
    two.1.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_default_ports_are_avoided() {
    // This test has the machine for itself (.config/nextest.toml): engines of tests that ended let go of the ports in a moment, and who
    // holds one for as long as that makes the case to be tested anyway.
    let deadline = Instant::now() + Duration::from_secs(20);
    let hold = |port| loop {
        match TcpListener::bind(("127.0.0.1", port)) {
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
            held => break held.ok(),
        }
    };
    let held = [54320, 7233, 8233].map(hold);
    let (_parent, path) = folder();
    let engines = start(&path).await;
    assert!(!engines.database_url().contains(":54320/"));
    assert_ne!(engines.temporal_address(), "127.0.0.1:7233");
    assert_ne!(engines.temporal_ui_url(), "http://127.0.0.1:8233");
    assert_eq!(sql(&engines.database_url(), "select 1"), "1");
    engines.stop().await;
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_ends_is_noticed_and_its_leftovers_are_no_obstacle() {
    let (_parent, path) = folder();
    let mut engines = start(&path).await;
    let url = engines.database_url();
    sql(&url, "create table kept (word text)");
    kill(postmaster_pid(&path), Signal::SIGKILL).unwrap();
    let error = engines.ended().await;
    assert!(matches!(error, EnginesError::Ended { engine: "PostgreSQL", .. }), "{error}");
    engines.stop().await;

    // The number in the stale file belongs to a living process by now: ours.
    let file = path.join("postgres/data/postmaster.pid");
    let stale = fs::read_to_string(&file).unwrap();
    let (_, rest) = stale.split_once('\n').unwrap();
    fs::write(&file, format!("{}\n{rest}", std::process::id())).unwrap();
    let again = start(&path).await;
    assert_eq!(sql(&again.database_url(), "select count(*) from kept"), "0");
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_leaves_nothing_running() {
    let (_parent, path) = folder();
    let engines = start(&path).await;
    let postmaster = postmaster_pid(&path);
    let temporal: std::net::SocketAddr = engines.temporal_address().parse().unwrap();
    engines.stop().await;
    assert!(kill(postmaster, None).is_err());
    assert!(std::net::TcpStream::connect(temporal).is_err());
    DataDir::open(&path).unwrap();
}

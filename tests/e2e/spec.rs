//! The connector's requests, through a validating proxy with GitLab's own OpenAPI document.
//!
//! Needs `../shared/specs` and Stoplight's `prism` (`npm install @stoplight/prism-cli`; on PATH, or named by OVIA_PRISM). Where either is
//! absent the test says so and passes. Paths the document lacks (`/user`, `/users/:id`, merge request notes) are answered 404 by the
//! proxy, which the connector takes for "not offered here"; what counts is that no request violates what the document says.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use ovia_demo::CompanySize;
use ovia_tests::{TestApp, eventually, state};

use crate::demo;

struct Prism(Child);

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spec() -> Option<PathBuf> {
    let spec = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/specs/gitlab-v4.2026-07.yaml");
    spec.is_file().then_some(spec)
}

fn prism_binary() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("OVIA_PRISM") {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("prism")).find(|file| file.is_file())
}

#[tokio::test]
async fn requests_conform_to_gitlabs_document() {
    let Some(spec) = spec() else {
        eprintln!("skipped: ../shared/specs is absent");
        return;
    };
    let Some(binary) = prism_binary() else {
        eprintln!("skipped: prism is absent (npm install @stoplight/prism-cli, then put it on PATH or in OVIA_PRISM)");
        return;
    };
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let port = free_port();
    let log = std::env::temp_dir().join(format!("ovia-prism-{port}.log"));
    let output = std::fs::File::create(&log).unwrap();
    let child = Command::new(binary)
        .args(["proxy", "--port", &port.to_string(), "--validate-request", "true"])
        .arg(spec)
        .arg(demo.base_url())
        .stdout(Stdio::from(output.try_clone().unwrap()))
        .stderr(Stdio::from(output))
        .spawn()
        .unwrap();
    let _prism = Prism(child);
    eventually("prism to listen", 120, || async { std::net::TcpStream::connect(("127.0.0.1", port)).ok() }).await;

    let connection = app.connect("prism", &format!("http://127.0.0.1:{port}"), demo::TOKEN, demo::settings(&demo)).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert!(state::count(&app.store, "select count(*) from merge_requests").await > 100);

    assert!(demo.stats().requests > 500, "the proxy let too little through: {:?}", demo.stats());

    let text = std::fs::read_to_string(&log).unwrap();
    let _ = std::fs::remove_file(&log);
    let violations: Vec<&str> =
        text.lines().filter(|line| line.contains("Violation: request") && !line.contains("Selected route not found")).collect();
    let shown = violations.iter().take(10).copied().collect::<Vec<_>>().join("\n");
    assert!(violations.is_empty(), "{} request violations:\n{shown}", violations.len());
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

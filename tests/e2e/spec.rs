//! The connectors' requests, through a validating proxy with the vendors' own OpenAPI documents.
//!
//! Needs `../shared/specs` and Stoplight's `prism` (`npm install @stoplight/prism-cli`; on PATH, or named by OVIA_PRISM). Where a document
//! or the proxy is absent the tests say so and pass. Paths a document lacks (GitLab's `/user`, `/users/:id`, merge request notes) are
//! answered 404 by the proxy, which a connector takes for "not offered here"; what counts is that no request violates what the document
//! says.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use chrono_tz::Tz;
use ovia_demo::CompanySize;
use ovia_tests::{TestApp, eventually, state};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    atlassian::{confluence, jira, options},
    demo,
};

const GITLAB: &str = "gitlab-v4.2026-07.yaml";
const JIRA_PLATFORM: &str = "jira-platform-v3.2025-12.json";
const JIRA_SOFTWARE: &str = "jira-software-1.0.2022-07.json";
const CONFLUENCE: &str = "confluence-v2.2025-01.json";
/// Paths of Confluence's first version that are asked for; there is no document of it here.
const CONFLUENCE_V1: [&str; 5] = ["/search", "/search/user", "/group", "/group/{id}/membersByGroupId", "/user/current"];

/// A proxy that writes down what violates a document.
struct Prism {
    child: Child,
    url: String,
    /// Holds its log.
    folder: TempDir,
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prism {
    async fn start(binary: &Path, document: &Path, upstream: &str) -> Self {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let output = File::create(folder.path().join("log")).unwrap();
        let child = Command::new(binary)
            .args(["proxy", "--port", &port.to_string(), "--validate-request", "true"])
            .arg(document)
            .arg(upstream)
            .stdout(Stdio::from(output.try_clone().unwrap()))
            .stderr(Stdio::from(output))
            .spawn()
            .unwrap();
        let prism = Self { child, url: format!("http://127.0.0.1:{port}"), folder };
        eventually("prism to listen", 120, || async { std::net::TcpStream::connect(("127.0.0.1", port)).ok() }).await;
        prism
    }

    fn assert_no_violations(&self) {
        let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        let violations: Vec<&str> =
            text.lines().filter(|line| line.contains("Violation: request") && !line.contains("Selected route not found")).collect();
        let shown = violations.iter().take(10).copied().collect::<Vec<_>>().join("\n");
        assert!(violations.is_empty(), "{} request violations:\n{shown}", violations.len());
    }
}

/// The folder that holds these documents of the vendors', and the proxy; `None`, with a word about it, where one is absent.
fn tools(documents: &[&str]) -> Option<(PathBuf, PathBuf)> {
    let specs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/specs");
    if let Some(absent) = absent(&specs, documents) {
        eprintln!("skipped: ../shared/specs/{absent} is absent");
        return None;
    }
    let Some(binary) = prism_binary() else {
        eprintln!("skipped: prism is absent (npm install @stoplight/prism-cli, then put it on PATH or in OVIA_PRISM)");
        return None;
    };
    Some((specs, binary))
}

fn absent<'a>(specs: &Path, documents: &[&'a str]) -> Option<&'a str> {
    documents.iter().copied().find(|document| !specs.join(document).is_file())
}

fn prism_binary() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("OVIA_PRISM") {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("prism")).find(|file| file.is_file())
}

fn read(document: &Path) -> Value {
    serde_json::from_reader(std::io::BufReader::new(File::open(document).unwrap())).unwrap()
}

/// Jira's two documents, of the platform and of boards and sprints, as one. The second names OAuth alone, where API tokens are taken too.
fn jira_document(specs: &Path) -> Value {
    let mut platform = read(&specs.join(JIRA_PLATFORM));
    let software = read(&specs.join(JIRA_SOFTWARE)).to_string();
    let software: Value = serde_json::from_str(&software.replace("#/components/schemas/", "#/components/schemas/Software")).unwrap();
    for (path, item) in software["paths"].as_object().unwrap() {
        platform["paths"][path] = item.clone();
        if let Some(get) = platform["paths"][path].get_mut("get").and_then(Value::as_object_mut) {
            get.remove("security");
        }
    }
    for (name, schema) in software["components"]["schemas"].as_object().unwrap() {
        platform["components"]["schemas"][format!("Software{name}")] = schema.clone();
    }
    platform
}

/// Confluence's document with whole paths; what is only in the first version is let through.
fn confluence_document(specs: &Path) -> Value {
    let mut document = read(&specs.join(CONFLUENCE));
    let paths = document["paths"].take();
    let whole = paths.as_object().unwrap().iter().map(|(path, item)| (format!("/wiki/api/v2{path}"), item.clone()));
    let anything = json!({"get": {"responses": {"default": {"description": "anything"}}}});
    let first = CONFLUENCE_V1.iter().map(|path| (format!("/wiki/rest/api{path}"), anything.clone()));
    document["paths"] = whole.chain(first).collect();
    document["servers"] = json!([]);
    document
}

fn write(folder: &TempDir, document: &Value) -> PathBuf {
    let path = folder.path().join("document.json");
    std::fs::write(&path, document.to_string()).unwrap();
    path
}

#[test]
fn an_older_folder_lacks_documents() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(absent(&folder.path().join("no folder"), &[GITLAB]), Some(GITLAB));
    std::fs::write(folder.path().join(JIRA_PLATFORM), "{}").unwrap();
    assert_eq!(absent(folder.path(), &[JIRA_PLATFORM]), None);
    assert_eq!(absent(folder.path(), &[JIRA_PLATFORM, JIRA_SOFTWARE]), Some(JIRA_SOFTWARE));
}

#[tokio::test]
async fn requests_conform_to_gitlabs_document() {
    let Some((specs, binary)) = tools(&[GITLAB]) else { return };
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let prism = Prism::start(&binary, &specs.join(GITLAB), demo.base_url()).await;
    let connection = app.connect("prism", &prism.url, demo::TOKEN, demo::settings(&demo)).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert!(state::count(&app.store, "select count(*) from merge_requests").await > 100);
    assert!(demo.stats().requests > 500, "the proxy let too little through: {:?}", demo.stats());
    prism.assert_no_violations();
}

#[tokio::test]
async fn requests_conform_to_jiras_documents() {
    let Some((specs, binary)) = tools(&[JIRA_PLATFORM, JIRA_SOFTWARE]) else { return };
    let (app, folder) = (TestApp::start().await, tempfile::tempdir().unwrap());
    let site = jira(options(Tz::UTC));
    let prism = Prism::start(&binary, &write(&folder, &jira_document(&specs)), site.base_url()).await;
    let settings = json!({"project_keys": site.project_keys()});
    let connection = app.connect_to("jira", "prism", &prism.url, site.credentials(), settings).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    for table in ["work_items", "work_item_changes", "sprints"] {
        assert!(state::count(&app.store, &format!("select count(*) from {table}")).await > 0, "no {table}: {run}");
    }
    prism.assert_no_violations();
}

#[tokio::test]
async fn requests_conform_to_confluences_document() {
    let Some((specs, binary)) = tools(&[CONFLUENCE]) else { return };
    let (app, folder) = (TestApp::start().await, tempfile::tempdir().unwrap());
    let site = confluence(options(Tz::UTC));
    let upstream = site.base_url().trim_end_matches("/wiki");
    let prism = Prism::start(&binary, &write(&folder, &confluence_document(&specs)), upstream).await;
    let connection = app.connect_to("confluence", "prism", &prism.url, site.credentials(), json!({})).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    for table in ["documents", "document_versions", "document_comments"] {
        assert!(state::count(&app.store, &format!("select count(*) from {table}")).await > 0, "no {table}: {run}");
    }
    prism.assert_no_violations();
}

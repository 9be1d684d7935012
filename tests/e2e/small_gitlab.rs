//! A GitLab of one project with a list of issues that the test changes.

use std::sync::{Arc, Mutex};

use ovia_tests::TestApp;
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::method};

pub struct SmallGitlab {
    server: MockServer,
    issues: Arc<Mutex<Vec<Value>>>,
}

impl SmallGitlab {
    pub async fn start(issues: Vec<Value>) -> Self {
        let issues = Arc::new(Mutex::new(issues));
        let server = MockServer::start().await;
        Mock::given(method("GET")).respond_with(Answers(Arc::clone(&issues))).mount(&server).await;
        Self { server, issues }
    }

    /// A connection to it, without per-item requests.
    pub async fn connect(&self, app: &TestApp) -> String {
        app.connect("small", &self.server.uri(), "t", json!({"projects": ["a/b"], "details": false})).await
    }

    pub fn issues_set(&self, issues: Vec<Value>) {
        *self.issues.lock().unwrap() = issues;
    }
}

/// An issue as GitLab sends it.
pub fn issue(id: i64, title: &str, created_at: &str, updated_at: &str) -> Value {
    json!({
        "id": id, "iid": id, "project_id": 1, "title": title, "state": "opened", "labels": [],
        "created_at": created_at, "updated_at": updated_at,
    })
}

struct Answers(Arc<Mutex<Vec<Value>>>);

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let path = request.url.path();
        let one_page = |rows: Value| ResponseTemplate::new(200).insert_header("x-next-page", "").set_body_json(rows);
        if path.ends_with("/projects/a%2Fb") {
            return one_page(json!({"id": 1, "name": "b", "path_with_namespace": "a/b", "archived": false}));
        }
        if path.ends_with("/issues") { one_page(json!(*self.0.lock().unwrap())) } else { one_page(json!([])) }
    }
}

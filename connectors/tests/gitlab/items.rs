//! Items read alone are the rows that lists show, and what is not there is said to be gone.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::{Connector, ConnectorError};
use ovia_domain::{Entity, ItemRef};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer};

use crate::support::{error, last_page, ok, open, serve, walk};

const PROJECT: &str = "/api/v4/projects/7";

fn item(stream: &str, id: u64, number: Option<i64>) -> ItemRef {
    ItemRef { stream: stream.into(), partition: Some("7".into()), external_id: id.to_string(), number }
}

fn issue(id: u64, iid: u64) -> Value {
    json!({"id": id, "iid": iid, "project_id": 7, "title": "t", "state": "opened", "labels": [], "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-02T00:00:00Z"})
}

#[tokio::test]
async fn many_issues_are_one_request_and_answered_in_order() {
    let server = MockServer::start().await;
    // another issue has taken number 3: the project is not the one it was
    serve(&server, &format!("{PROJECT}/issues"), last_page(json!([issue(90, 1), issue(91, 2), issue(999, 3)]))).await;
    let gitlab = open(&server.uri());
    let asked = [item("issues", 91, Some(2)), item("issues", 92, Some(3)), item("issues", 90, Some(1)), item("issues", 93, None)];
    let pulled = gitlab.pull_items(&asked).await.unwrap();
    let ids: Vec<Option<&str>> = pulled.iter().map(|one| one.records.first().map(|record| record.external_id.as_str())).collect();
    assert_eq!(ids, [Some("91"), None, Some("90"), None]);
    assert!(pulled.iter().all(|one| one.partition == "7" && one.gone.is_some() == one.records.is_empty()));
    assert_eq!(pulled.iter().map(|one| one.requests).sum::<i64>(), 1);
    let requests = server.received_requests().await.unwrap();
    let query: Vec<(String, String)> = requests[0].url.query_pairs().into_owned().collect();
    let numbers: Vec<&str> = query.iter().filter(|(name, _)| name == "iids[]").map(|(_, value)| value.as_str()).collect();
    assert_eq!((requests.len(), numbers), (1, vec!["2", "3", "1"]));
    for pair in [("scope", "all"), ("state", "all")] {
        assert!(query.contains(&(pair.0.to_owned(), pair.1.to_owned())), "{query:?}");
    }
    // as a walk has them, hash and all
    let walked = walk(&gitlab, "issues", "7", None).await.unwrap();
    assert_eq!(walked.records[1].content_hash, pulled[0].records[0].content_hash);
    assert_eq!(walked.records[1].entities, pulled[0].records[0].entities);
}

#[tokio::test]
async fn a_pipeline_read_alone_has_the_hash_of_its_row_in_the_list() {
    let server = MockServer::start().await;
    let row = json!({"id": 50, "iid": 5, "project_id": 7, "sha": "abc", "ref": "main", "status": "success", "source": "push",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z", "web_url": "https://git.example/7/50"});
    let mut alone = row.clone();
    for (name, value) in [("user", json!({"id": 1, "name": "Ada"})), ("duration", json!(4)), ("tag", json!(false))] {
        alone[name] = value;
    }
    serve(&server, &format!("{PROJECT}/pipelines/50"), ok(alone)).await;
    serve(&server, &format!("{PROJECT}/pipelines/51"), error(404, "404 Not found")).await;
    let list = Mock::given(method("GET")).and(path(format!("{PROJECT}/pipelines"))).and(query_param("order_by", "updated_at"));
    list.respond_with(last_page(json!([row]))).mount(&server).await;
    let gitlab = open(&server.uri());
    let pulled = gitlab.pull_items(&[item("pipelines", 50, None), item("pipelines", 51, None)]).await.unwrap();
    assert!(pulled[1].gone.is_some() && pulled[1].records.is_empty());
    let walked = walk(&gitlab, "pipelines", "7", None).await.unwrap();
    assert_eq!(walked.records[0].content_hash, pulled[0].records[0].content_hash);
    assert!(matches!(&pulled[0].records[0].entities[0], Entity::Pipeline(pipeline) if pipeline.status == "success"));
    assert!(!pulled[0].records[0].details.is_empty(), "times and jobs are asked for");
}

#[tokio::test]
async fn only_gitlab_itself_can_say_that_something_is_gone() {
    let server = MockServer::start().await;
    let proxy = wiremock::ResponseTemplate::new(404).set_body_raw("<html>nothing here</html>", "text/html");
    serve(&server, &format!("{PROJECT}/deployments/60"), proxy).await;
    serve(&server, &format!("{PROJECT}/issues"), error(403, "403 Forbidden")).await;
    let gitlab = open(&server.uri());
    assert!(gitlab.pull_items(&[item("deployments", 60, None)]).await.is_err(), "a proxy's 404");
    assert!(matches!(gitlab.pull_items(&[item("issues", 1, Some(1))]).await, Err(ConnectorError::Forbidden { .. })));
    assert!(matches!(gitlab.pull_items(&[item("jobs", 1, None)]).await, Err(ConnectorError::Configuration { .. })));
}

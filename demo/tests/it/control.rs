//! The control API another process steers the stand-in with.

use serde_json::{Value, json};

use crate::client::{Client, as_of, serve, small};

#[tokio::test]
async fn another_process_can_read_and_steer() {
    let server = serve(small());
    let client = Client::new(&server);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = |path: &str| format!("{}/_demo/{path}", server.base_url());
    let get = async |path: &str| http.get(url(path)).send().await.unwrap().json::<Value>().await.unwrap();

    let rule =
        json!({"seed": 1, "rules": [{"fault": {"rate_limited": {"retry_after": 5}}, "when": {"every": 1}, "route": "/user$", "times": 1}]});
    let put = http.put(url("faults")).body(rule.to_string()).send().await.unwrap();
    assert_eq!(put.status(), 200);
    assert_eq!(client.status("/version").await, 200);
    assert_eq!([client.status("/user").await, client.status("/user").await], [429, 200]);
    let stats = get("stats").await;
    assert_eq!(
        (stats["requests"].as_u64(), stats["by_route"]["/user"].as_u64(), stats["rate_limited"].as_u64()),
        (Some(3), Some(2), Some(1))
    );
    assert_eq!(get("faults").await["rules"][0]["times"], 1);

    let change = json!({"kind": "delete_merge_requests", "count": 2, "at": as_of()});
    let changed: Value = http.post(url("changes")).body(change.to_string()).send().await.unwrap().json().await.unwrap();
    assert_eq!(changed["external_ids"].as_array().unwrap().len(), 2);
    assert_eq!(get("truth?part=counts").await["merge_requests"], 118);
    assert_eq!(get("truth?as_of=2026-03-20T00:00:00Z&part=as_of").await, "2026-03-20T00:00:00Z");
    let bad = http.put(url("faults")).body(r#"{"rules":[{"fault":"explode","when":"always"}]}"#).send().await.unwrap();
    assert_eq!(bad.status(), 400);
    server.shutdown().await;
}

#[tokio::test]
async fn another_process_can_steer_the_atlassian_sites_too() {
    use ovia_demo::{ConfluenceServer, JiraServer, SiteOptions};
    let company = small();
    let jira = JiraServer::start(&company, SiteOptions::default()).unwrap();
    let confluence = ConfluenceServer::start(&company, SiteOptions::default()).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let change = json!({"kind": "delete_issues", "count": 2, "at": as_of()});
    let url = |path: &str| format!("{}/_demo/{path}", jira.base_url());
    let changed: Value = http.post(url("changes")).body(change.to_string()).send().await.unwrap().json().await.unwrap();
    for id in changed["external_ids"].as_array().unwrap() {
        assert!(!jira.truth().work_items.contains_key(id.as_str().unwrap()));
    }
    let items: Value = http.get(url("truth?part=work_items")).send().await.unwrap().json().await.unwrap();
    assert_eq!(items, serde_json::to_value(jira.truth().work_items).unwrap());
    let unknown = json!({"kind": "explode", "count": 2});
    assert_eq!(http.post(url("changes")).body(unknown.to_string()).send().await.unwrap().status(), 400);
    let url = confluence.base_url().replace("/wiki", "/_demo/changes");
    let change = json!({"kind": "trash_pages", "count": 1});
    let changed: Value = http.post(url).body(change.to_string()).send().await.unwrap().json().await.unwrap();
    assert_eq!(confluence.truth().documents[changed["external_ids"][0].as_str().unwrap()].status, "trashed");
    jira.shutdown().await;
    confluence.shutdown().await;
}

//! Auth, errors, filters, and what rows show.

use serde_json::Value;

use crate::client::{Client, full, header, serve, small};

#[tokio::test]
async fn both_kinds_of_token_work_and_no_other() {
    let server = serve(small());
    let client = Client::new(&server);
    assert_eq!(client.status("/version").await, 200);
    let bearer = client.request("/user").header("Authorization", format!("Bearer {}", server.token())).send().await.unwrap();
    let user: Value = bearer.json().await.unwrap();
    assert!(user["username"].as_str().unwrap().starts_with("group_") && user["bot"] == true);
    for request in [client.request("/version"), client.request("/version").header("PRIVATE-TOKEN", "wrong")] {
        let refused = request.send().await.unwrap();
        assert_eq!(refused.status(), 401);
        assert_eq!(refused.text().await.unwrap(), r#"{"message":"401 Unauthorized"}"#);
    }
    server.shutdown().await;
}

#[tokio::test]
async fn what_is_not_there_is_said_in_gitlabs_words() {
    let server = serve(small());
    let client = Client::new(&server);
    for (path, status, body) in [
        ("/projects/brightloom%2Fnone", 404, r#"{"message":"404 Project Not Found"}"#),
        ("/groups/none", 404, r#"{"message":"404 Group Not Found"}"#),
        ("/projects/brightloom%2Fapps%2Fweb/merge_requests/99999", 404, r#"{"message":"404 Not found"}"#),
        ("/nothing/here", 404, r#"{"error":"404 Not Found"}"#),
        ("/groups/brightloom/epics", 404, r#"{"message":"404 Not found"}"#),
        ("/groups/brightloom/billable_members", 403, r#"{"message":"403 Forbidden"}"#),
        ("/users", 403, r#"{"message":"403 Forbidden"}"#),
    ] {
        let response = client.get(path).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(response.text().await.unwrap(), body, "{path}");
    }
    let unordered = "/projects/brightloom%2Fapps%2Fweb/deployments?updated_after=2026-01-01T00:00:00Z";
    assert_eq!(client.status(unordered).await, 400);
    assert_eq!(client.status(&format!("{unordered}&order_by=updated_at&sort=asc")).await, 200);
    server.shutdown().await;
}

#[tokio::test]
async fn a_moved_project_redirects() {
    let server = serve(small());
    let client = Client::new(&server);
    let moved = client.get("/projects/brightloom%2Fgateway-old/issues?per_page=5").await.unwrap();
    assert_eq!(moved.status(), 301);
    let target = header(&moved, "location");
    assert!(target.starts_with(server.base_url()), "{target}");
    let (_, path) = target.split_once("/api/v4").unwrap();
    assert_eq!(client.json(path).await.as_array().unwrap().len(), 5);
    server.shutdown().await;
}

#[tokio::test]
async fn filters_narrow_merge_requests() {
    let server = serve(small());
    let client = Client::new(&server);
    let path = "/projects/brightloom%2Fapps%2Fweb/merge_requests?per_page=100";
    let all = client.walk(path).await;
    let opened = client.walk(&format!("{path}&state=opened&order_by=created_at&sort=asc&created_after=2025-06-01")).await;
    let expected = all.iter().filter(|row| row["state"] == "opened" && row["created_at"].as_str() >= Some("2025-06-01")).count();
    assert_eq!(opened.len(), expected);
    assert!(expected > 0 && expected < all.len());
    let two = client.walk(&format!("{path}&iids[]=2&iids[]=5")).await;
    assert_eq!(two.iter().map(|row| row["iid"].as_u64().unwrap()).collect::<Vec<_>>(), [5, 2]);
    assert_eq!(client.status(&format!("{path}&state=nonsense")).await, 400);
    server.shutdown().await;
}

#[tokio::test]
async fn list_rows_hide_what_gitlab_hides() {
    let company = small();
    let truth = company.truth().clone();
    let server = serve(company);
    let client = Client::new(&server);
    let members = client.walk("/groups/brightloom/members/all?per_page=100").await;
    assert_eq!(members.len(), truth.counts.memberships);
    assert!(members.iter().all(|row| row.get("bot").is_none() && row.get("email").is_none() && row.get("public_email").is_none()));
    for (id, identity) in &truth.identities {
        let user = client.json(&format!("/users/{id}")).await;
        assert_eq!(user["bot"], identity.is_bot);
        assert_eq!(user["public_email"].as_str().unwrap(), identity.email.clone().unwrap_or_default());
        assert!(user.get("email").is_none());
    }
    let pipelines = client.walk("/projects/brightloom%2Fapps%2Fweb/pipelines?per_page=100").await;
    assert!(pipelines.iter().all(|row| row.get("duration").is_none() && row.get("finished_at").is_none()));
    server.shutdown().await;
}

#[tokio::test]
async fn groups_list_projects_of_subgroups_on_request() {
    let server = serve(full());
    let client = Client::new(&server);
    assert_eq!(client.walk("/groups/brightloom/projects").await.len(), 1);
    assert_eq!(client.walk("/groups/brightloom/projects?include_subgroups=true&with_shared=false").await.len(), 12);
    assert_eq!(client.walk("/groups/brightloom/projects?include_subgroups=true&archived=false").await.len(), 11);
    assert_eq!(client.walk("/groups/brightloom/descendant_groups").await.len(), 4);
    assert_eq!(client.walk("/groups/brightloom/subgroups").await.len(), 3);
    let fork = client.json("/projects/brightloom%2Fapps%2Fdesign-system-next").await;
    assert_eq!(fork["forked_from_project"]["path_with_namespace"], "brightloom/apps/design-system");
    server.shutdown().await;
}

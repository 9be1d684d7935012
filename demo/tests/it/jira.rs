//! The Jira stand-in: who may ask, what lists show, what is refused.

use serde_json::json;

use crate::client::{full, header, small};
use crate::site::{Site, by_id, jira};

#[tokio::test]
async fn the_site_takes_api_tokens_and_the_gateway_takes_both() {
    let server = jira(&small());
    let basic = Site::of_jira(&server);
    let me = basic.ok("/rest/api/3/myself").await;
    assert_eq!((me["timeZone"].as_str(), me["accountType"].as_str()), (Some("Asia/Shanghai"), Some("atlassian")));
    assert!(server.truth().identities.contains_key(me["accountId"].as_str().unwrap()));
    for (client, status) in [
        (Site::bearer(server.base_url(), server.access_token()), 401),
        (Site::bearer(&server.gateway_url(), server.access_token()), 200),
        (Site::bearer(&server.gateway_url(), "wrong"), 401),
        (Site::basic(&server.gateway_url(), server.email(), server.api_token()), 200),
        (Site::basic(server.base_url(), server.email(), "wrong"), 401),
        (Site::basic(server.base_url(), "other@brightloom.example", server.api_token()), 401),
    ] {
        assert_eq!(client.get("/rest/api/3/myself").await.0, status);
    }
    server.shutdown().await;
}

#[tokio::test]
async fn what_is_gone_or_unknown_is_said_in_jiras_words() {
    let server = jira(&small());
    let site = Site::of_jira(&server);
    for (path, status) in [
        ("/rest/api/3/search?jql=project%3DWEB", 410),
        ("/rest/api/2/search?jql=project%3DWEB", 410),
        ("/rest/api/3/project/NOPE", 404),
        ("/rest/api/3/issue/WEB-99999", 404),
        ("/rest/api/3/group/member?groupId=none", 404),
        ("/rest/agile/1.0/board/9999/sprint", 404),
        ("/rest/api/3/nothing", 404),
    ] {
        let (found, body) = site.get(path).await;
        assert_eq!(found, status, "{path}");
        assert!(body["errorMessages"][0].is_string() && body["errors"].is_object(), "{path}: {body}");
    }
    assert_eq!(site.get("/rest/api/3/issue/bulkfetch").await.0, 405);
    server.shutdown().await;
}

#[tokio::test]
async fn pages_of_accounts_are_short_in_the_middle_and_empty_at_the_end() {
    let server = jira(&full());
    let site = Site::of_jira(&server);
    let truth = server.truth();
    let (mut rows, mut start, mut short) = (Vec::new(), 0, 0);
    loop {
        let page = site.ok(&format!("/rest/api/3/users/search?startAt={start}&maxResults=7")).await;
        let page = page.as_array().unwrap().clone();
        if page.is_empty() {
            break;
        }
        short += usize::from(page.len() < 7);
        rows.extend(page);
        start += 7;
    }
    assert!(short > 2, "{short}");
    assert_eq!(rows.len(), truth.identities.len());
    let (mut shown, mut absent, mut empty) = (0, 0, 0);
    for row in &rows {
        let expected = &truth.identities[row["accountId"].as_str().unwrap()];
        assert_eq!(row["displayName"], expected.display_name.as_str());
        assert_eq!(row["accountType"] == "app", expected.is_bot);
        match row.get("emailAddress").map(|email| email.as_str().unwrap()) {
            None => absent += 1,
            Some("") => empty += 1,
            Some(email) => {
                assert_eq!(Some(email), expected.email.as_deref());
                shown += 1;
            }
        }
    }
    assert!(shown > 5 && shown * 4 < rows.len() && absent > 5 && empty > 5);
    assert!(rows.iter().any(|row| row["active"] == false) && rows.iter().any(|row| row["accountType"] == "customer"));
    server.shutdown().await;
}

#[tokio::test]
async fn groups_hide_inactive_members_unless_asked() {
    let server = jira(&full());
    let site = Site::of_jira(&server);
    let truth = server.truth();
    let groups = site.beans("/rest/api/3/group/bulk", 2).await;
    assert_eq!(groups.len(), truth.groups.len());
    let mut members = 0;
    for group in &groups {
        let id = group["groupId"].as_str().unwrap();
        assert_eq!(group["name"], truth.groups[id].name.as_str());
        let path = format!("/rest/api/3/group/member?groupId={id}");
        let all = site.beans(&format!("{path}&includeInactiveUsers=true"), 50).await;
        let active = site.beans(&path, 50).await;
        assert_eq!(active.len(), all.iter().filter(|row| row["active"] == true).count());
        assert!(all.iter().all(|row| truth.memberships.contains_key(&format!("group:{id}:{}", row["accountId"].as_str().unwrap()))));
        members += all.len();
    }
    assert_eq!(members, truth.memberships.len());
    server.shutdown().await;
}

#[tokio::test]
async fn projects_versions_boards_and_sprints_are_the_truths() {
    let server = jira(&full());
    let site = Site::of_jira(&server);
    let truth = server.truth();
    let projects = site.beans("/rest/api/3/project/search?expand=insight,projectKeys", 4).await;
    assert_eq!(projects.len(), 15);
    assert_eq!(projects.len(), truth.projects.len());
    let (mut versions, mut former) = (0, 0);
    for project in &projects {
        let row = &truth.projects[project["id"].as_str().unwrap()];
        assert_eq!(project["key"], row.key.as_str());
        assert!(project["insight"]["lastIssueUpdateTime"].is_string() && project["entityId"].is_string());
        former += project["projectKeys"].as_array().unwrap().len() - 1;
        for version in site.beans(&format!("/rest/api/3/project/{}/version", row.key), 5).await {
            let row = &truth.versions[version["id"].as_str().unwrap()];
            assert_eq!(version["projectId"].to_string(), row.project_external_id);
            assert_eq!((version["name"].as_str().unwrap(), version["released"] == true), (row.name.as_str(), row.released));
            assert_eq!(version.get("releaseDate").map(|day| day.as_str().unwrap().to_owned()), row.release_on.map(|day| day.to_string()));
            versions += 1;
        }
    }
    assert_eq!((versions, former), (truth.versions.len(), 2));
    let plain = site.ok("/rest/api/3/project/SHOP").await;
    assert_eq!((plain["key"].as_str(), plain.get("insight"), plain.get("projectKeys")), (Some("WEB"), None, None));
    let gone = site.beans("/rest/api/3/project/search?status=archived&status=deleted", 50).await;
    assert_eq!(gone.iter().map(|one| one["key"].as_str().unwrap()).collect::<Vec<_>>(), ["OLD", "TMP"]);
    let boards = by_id(site.beans("/rest/agile/1.0/board", 3).await);
    assert_eq!(boards.len(), truth.boards.len());
    let mut sprints = 0;
    for (id, board) in &boards {
        let (status, page) = site.get(&format!("/rest/agile/1.0/board/{id}/sprint?maxResults=50")).await;
        if board["type"] == "kanban" {
            assert_eq!((status, page["errorMessages"][0].as_str()), (400, Some("The board does not support sprints")));
            continue;
        }
        for sprint in page["values"].as_array().unwrap() {
            assert_eq!(sprint["state"], truth.sprints[&sprint["id"].to_string()].state.as_str());
            sprints += 1;
        }
    }
    assert_eq!(sprints, truth.sprints.len());
    server.shutdown().await;
}

#[tokio::test]
async fn fields_and_statuses_are_told_by_schema_and_category() {
    let server = jira(&full());
    let site = Site::of_jira(&server);
    let truth = server.truth();
    let fields = by_id(site.ok("/rest/api/3/field").await.as_array().unwrap().clone());
    assert_eq!(fields.len(), truth.work_item_fields.len());
    let custom =
        |name: &str| fields.values().filter(|one| one["schema"]["custom"].as_str().is_some_and(|custom| custom.ends_with(name))).count();
    assert_eq!((custom(":gh-sprint"), custom(":jsw-story-points"), custom(":float")), (1, 1, 2));
    assert!(!fields.contains_key("customfield_10020") && !fields.contains_key("customfield_10014"));
    let statuses = by_id(site.ok("/rest/api/3/status").await.as_array().unwrap().clone());
    let found = by_id(site.beans("/rest/api/3/statuses/search", 3).await);
    assert_eq!(statuses.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (id, row) in &truth.work_item_statuses {
        let (key, name) = match row.category.as_str() {
            "todo" => ("new", "TODO"),
            "in_progress" => ("indeterminate", "IN_PROGRESS"),
            _ => ("done", "DONE"),
        };
        assert_eq!((statuses[id]["name"].as_str().unwrap(), &statuses[id]["statusCategory"]["key"]), (row.name.as_str(), &json!(key)));
        assert_eq!(found[id]["statusCategory"], name);
    }
    let names: Vec<&str> = truth.work_item_statuses.values().map(|row| row.name.as_str()).collect();
    assert!(names.contains(&"进行中") && names.contains(&"Fertig") && names.contains(&"Terminé"));
    assert!(names.iter().filter(|name| **name == "Done").count() > 1, "team-managed projects have statuses of their own");
    server.shutdown().await;
}

#[tokio::test]
async fn limits_say_why_and_until_when() {
    use ovia_demo::{FaultKind, FaultRule, JiraServer, LimitReason, PointsLimit, SiteOptions};
    let company = small();
    let server = jira(&company);
    let site = Site::of_jira(&server);
    for (reason, said, retry_after) in [
        (LimitReason::Burst, "jira-burst-based", Some(7)),
        (LimitReason::QuotaTenant, "jira-quota-tenant-based", Some(1800)),
        (LimitReason::QuotaGlobal, "jira-quota-global-based", None),
        (LimitReason::Cost, "jira-cost-based", Some(3)),
        (LimitReason::Gateway, "", None),
    ] {
        let fault = FaultKind::AtlassianLimit { reason, retry_after, reset_after: Some(1800) };
        server.set_faults(FaultRule::always(fault).route("/myself$").into());
        let answer = site.send("/rest/api/3/myself").await.unwrap();
        assert_eq!((answer.status().as_u16(), header(&answer, "ratelimit-reason")), (429, said.to_owned()));
        assert_eq!(header(&answer, "retry-after"), retry_after.map(|seconds| seconds.to_string()).unwrap_or_default());
        assert!(header(&answer, "x-ratelimit-reset").ends_with('Z'));
        assert_eq!(site.get("/rest/api/3/field").await.0, 200);
    }
    server.shutdown().await;
    let options = SiteOptions { burst: Some(2), ..SiteOptions::default() };
    let server = JiraServer::start(&company, options).unwrap();
    let site = Site::of_jira(&server);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(site.get("/rest/api/3/myself").await.0);
    }
    assert_eq!((seen[2], site.get("/rest/api/3/field").await.0), (429, 200));
    server.shutdown().await;
    let points = PointsLimit { points: 40, per: std::time::Duration::from_secs(600) };
    let server = JiraServer::start(&company, SiteOptions { points: Some(points), ..SiteOptions::default() }).unwrap();
    let site = Site::of_jira(&server);
    let first = site.send("/rest/api/3/users/search?maxResults=5").await.unwrap();
    assert_eq!(header(&first, "x-ratelimit-remaining"), "29", "one for the request, two for each of five accounts");
    assert_eq!(site.get("/rest/api/3/users/search?maxResults=50").await.0, 200);
    let refused = site.send("/rest/api/3/myself").await.unwrap();
    assert_eq!((refused.status().as_u16(), header(&refused, "ratelimit-reason").as_str()), (429, "jira-quota-tenant-based"));
    server.shutdown().await;
}

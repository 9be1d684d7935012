//! Accounts, groups and members: rows in, records out.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Mutex;

use ovia_connectors::{CensusRequest, Connector, Presence};
use ovia_domain::{Entity, Identity};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::support::{bean, get, ok, open, parameter, refused, serve, walk};

fn users() -> Value {
    json!([
        {"accountId": "5b10a2", "accountType": "atlassian", "displayName": "Ada Example", "emailAddress": "Ada@acme.example", "active": true,
            "self": "https://acme.atlassian.net/rest/api/3/user?accountId=5b10a2", "timeZone": "Asia/Shanghai", "entityId": "unknown to the vendor's document"},
        {"accountId": "5b10a3", "accountType": "atlassian", "displayName": "Bo Former", "emailAddress": "", "active": false},
        {"accountId": "557058:app", "accountType": "app", "displayName": "Automation for Jira", "active": true},
        {"accountId": "qm:1", "accountType": "customer", "displayName": "Cy Client", "active": true},
        {"accountType": "atlassian", "displayName": "no id"},
    ])
}

/// Pages of `size` whatever was asked for, the last of them empty.
struct Offsets {
    rows: Vec<Value>,
    size: usize,
}

impl Respond for Offsets {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let start: usize = parameter(request, "startAt").unwrap().parse().unwrap();
        ok(json!(self.rows.iter().skip(start).take(self.size).collect::<Vec<_>>()))
    }
}

#[tokio::test]
async fn users_inactive_and_app_accounts_kept_and_marked() {
    let server = MockServer::start().await;
    let rows = users().as_array().unwrap().clone();
    Mock::given(path("/rest/api/3/users/search")).respond_with(Offsets { rows, size: 50 }).mount(&server).await;
    let walked = walk(&open(&server.uri()), "users", "site", None).await.unwrap();
    let identity = |place: usize| match &walked.records[place].entities[0] {
        Entity::Identity(identity) => identity.clone(),
        other => panic!("{other:?}"),
    };
    let ada = Identity {
        external_id: "5b10a2".into(),
        display_name: Some("Ada Example".into()),
        email: Some("Ada@acme.example".into()),
        is_bot: Some(false),
        state: Some("active".into()),
        ..Identity::default()
    };
    assert_eq!(identity(0), ada);
    assert_eq!((identity(1).state.as_deref(), identity(1).email), (Some("inactive"), None), "no e-mail is none, never an empty one");
    assert_eq!((identity(2).is_bot, identity(2).bot_reason.as_deref()), (Some(true), Some("account type app")));
    assert_eq!((identity(3).is_bot, walked.records.len()), (Some(false), 4));
    assert!(walked.dead_letters[0].reason.contains("accountId"), "a row that cannot be read is set aside");
}

#[tokio::test]
async fn pitfall_1_1_users_end_with_an_empty_page_not_with_a_short_one() {
    let server = MockServer::start().await;
    let rows: Vec<Value> = (0..7).map(|n| json!({"accountId": format!("a{n}"), "displayName": "x"})).collect();
    Mock::given(path("/rest/api/3/users/search")).respond_with(Offsets { rows, size: 3 }).mount(&server).await;
    let walked = walk(&open(&server.uri()), "users", "site", None).await.unwrap();
    // each page begins with the end of the last one
    assert_eq!((walked.ids().len(), walked.pages, walked.requests), (7, 5, 5));
}

/// Every tenth account is counted and not shown.
struct Hidden {
    count: usize,
}

impl Respond for Hidden {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let number = |name: &str| parameter(request, name).unwrap().parse::<usize>().unwrap();
        let places = (0..self.count).skip(number("startAt")).take(number("maxResults")).filter(|place| place % 10 != 9);
        ok(json!(places.map(|place| json!({"accountId": format!("a{place}"), "displayName": "x"})).collect::<Vec<_>>()))
    }
}

#[tokio::test]
async fn pitfall_1_1_users_left_out_of_a_page_do_not_end_the_list() {
    for count in 60..100 {
        let server = MockServer::start().await;
        Mock::given(path("/rest/api/3/users/search")).respond_with(Hidden { count }).mount(&server).await;
        let walked = walk(&open(&server.uri()), "users", "site", None).await.unwrap();
        let ids: std::collections::BTreeSet<_> = walked.ids().into_iter().collect();
        assert_eq!(ids.len(), count - count / 10, "of {count}");
    }
}

#[tokio::test]
async fn pitfall_1_1_users_that_may_not_be_browsed_are_not_available() {
    let server = MockServer::start().await;
    serve(&server, "/rest/api/3/users/search", refused(403, "You do not have permission to browse users.")).await;
    let walked = walk(&open(&server.uri()), "users", "site", None).await.unwrap();
    assert!(walked.records.is_empty() && walked.not_available.unwrap().contains("403"));
    // a proxy's page says nothing
    let server = MockServer::start().await;
    serve(&server, "/rest/api/3/users/search", ResponseTemplate::new(403).set_body_string("<html>blocked</html>")).await;
    assert!(walk(&open(&server.uri()), "users", "site", None).await.is_err());
}

#[tokio::test]
async fn groups_and_members_inactive_ones_included() {
    let server = MockServer::start().await;
    get(&server, "/rest/api/3/group/bulk", bean(json!([{"groupId": "g-1", "name": "web-developers"}, {"name": "no id"}]), 0, 2)).await;
    let groups = walk(&open(&server.uri()), "groups", "site", None).await.unwrap();
    assert!(matches!(&groups.records[0].entities[0], Entity::Group(group) if group.name == "web-developers" && group.external_id == "g-1"));
    assert_eq!(groups.dead_letters.len(), 1);

    let page = |start| {
        bean(json!([{"accountId": format!("a{start}"), "displayName": "x", "active": start == 0, "accountType": "atlassian"}]), start, 2)
    };
    for start in [0, 1] {
        let on = Mock::given(method("GET")).and(path("/rest/api/3/group/member")).and(query_param("groupId", "g-1"));
        let on = on.and(query_param("includeInactiveUsers", "true")).and(query_param("startAt", start.to_string()));
        on.respond_with(ok(page(start))).mount(&server).await;
    }
    let members = walk(&open(&server.uri()), "group_members", "g-1", None).await.unwrap();
    assert_eq!(members.ids(), ["group:g-1:a0", "group:g-1:a1"]);
    let Entity::Membership(membership) = &members.records[1].entities[0] else { panic!("a membership") };
    assert_eq!(
        (membership.scope.as_str(), membership.identity_external_id.as_str(), membership.state.as_deref()),
        ("group:g-1", "a1", Some("inactive"))
    );
}

/// A group whose first members leave one after the other, each after a page was read.
struct Leaving {
    members: Mutex<Vec<String>>,
}

impl Leaving {
    async fn start() -> MockServer {
        let server = MockServer::start().await;
        let members = Mutex::new((0..120).map(|id| format!("a{id}")).collect());
        Mock::given(path("/rest/api/3/group/member")).respond_with(Self { members }).mount(&server).await;
        server
    }
}

impl Respond for Leaving {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let number = |name: &str| parameter(request, name).unwrap().parse::<usize>().unwrap();
        let mut members = self.members.lock().unwrap();
        let page = members.iter().skip(number("startAt")).take(number("maxResults"));
        let page: Vec<Value> = page.map(|id| json!({"accountId": id, "displayName": "x", "active": true})).collect();
        let answer = ok(bean(json!(page), number("startAt") as u64, members.len() as u64));
        members.remove(0);
        answer
    }
}

#[tokio::test]
async fn a_member_that_leaves_between_two_pages_hides_no_other() {
    let stays: Vec<String> = (50..120).map(|id| format!("group:g-1:a{id}")).collect();
    let jira = |server: &MockServer| open(&server.uri());

    let walked = walk(&jira(&Leaving::start().await), "group_members", "g-1", None).await.unwrap();
    let missed: Vec<&String> = stays.iter().filter(|id| !walked.ids().contains(&id.as_str())).collect();
    assert!(missed.is_empty(), "{missed:?}");

    let server = Leaving::start().await;
    let (mut ids, mut cursor) = (Vec::new(), None::<Value>);
    loop {
        let request = CensusRequest { stream: "group_members", partition: "g-1", cursor: cursor.as_ref() };
        let page = jira(&server).census(request).await.unwrap();
        ids.extend(page.external_ids);
        cursor = Some(page.cursor);
        if page.done {
            break;
        }
    }
    let missed: Vec<&String> = stays.iter().filter(|id| !ids.contains(id)).collect();
    assert!(missed.is_empty(), "{missed:?}");

    for id in &stays {
        let found = jira(&Leaving::start().await).presence("group_members", "g-1", id, None).await.unwrap();
        assert_eq!(found, Presence::Present, "{id}");
    }
}

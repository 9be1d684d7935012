use serde_json::json;

use crate::common::{Answer, Method, TestApi, connection_body};

const NOBODY: &str = "01890000-0000-7000-8000-000000000001";

#[tokio::test]
async fn unknown_paths_and_methods() {
    let api = TestApi::start().await;
    for path in ["/nowhere", "/runs/x/y/z", "/team", "/team/identities", "/connections//"] {
        api.get(path).await.problem(404, "NOT_FOUND");
    }
    for (method, path) in
        [(Method::PUT, "/connections"), (Method::DELETE, "/runs"), (Method::POST, "/health"), (Method::GET, "/connections/x/sync")]
    {
        Answer::of(api.request(method, path)).await.problem(405, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn unknown_and_impossible_ids() {
    let api = TestApi::start().await;
    for (method, path) in [
        (Method::GET, "/connections/{id}"),
        (Method::DELETE, "/connections/{id}"),
        (Method::POST, "/connections/{id}/test"),
        (Method::POST, "/connections/{id}/sync"),
        (Method::GET, "/runs/{id}"),
        (Method::POST, "/runs/{id}/cancel"),
        (Method::POST, "/runs/{id}/retry"),
        (Method::GET, "/runs/{id}/events"),
    ] {
        Answer::of(api.request(method.clone(), &path.replace("{id}", NOBODY))).await.problem(404, "NOT_FOUND");
        for bad in ["7", "x", "%00", "%ff", "01890000-0000-7000-8000-00000000000g", &"a".repeat(2000)] {
            Answer::of(api.request(method.clone(), &path.replace("{id}", bad))).await.names_field("id");
        }
    }
    api.send(Method::PATCH, &format!("/connections/{NOBODY}"), &json!({})).await.problem(404, "NOT_FOUND");
}

/// What there is instead is told for each kind of thing, by a path that exists: `problem` looks the paths of hints up.
#[tokio::test]
async fn what_is_not_found_says_where_to_look() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    for (path, list) in [
        (format!("/connections/{NOBODY}"), "/connections"),
        (format!("/runs/{NOBODY}"), "/runs"),
        ("/dead-letters/99".into(), "/dead-letters"),
        ("/anomalies/99".into(), "/anomalies"),
        ("/releases/99".into(), "/releases"),
        ("/work-items/WEB-99".into(), "/work-items"),
        (format!("/connections/{connection}/schedule?kind=census"), "/schedules"),
        ("/schedules/matching".into(), "/schedules"),
    ] {
        let problem = api.get(&path).await.problem(404, "NOT_FOUND");
        assert_eq!(problem["hint"], format!("List what there is with GET {list}."), "{path}");
    }
    let problem = api.get(&format!("/connections/{connection}/webhook")).await.problem(404, "NOT_FOUND");
    assert!(problem["hint"].as_str().unwrap().contains(&format!("PUT /connections/{connection}/webhook")), "{problem}");
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let api = TestApi::start().await;
    let deep = "[".repeat(10_000);
    for path in ["/connections", "/runs"] {
        for body in ["", "{", "nonsense", "[]", "null", "\"x\"", "{\"a\":}", "{\"a\":1}{", "\u{feff}{}", &deep] {
            Answer::of(api.request(Method::POST, path).body(body.to_owned())).await.problem(400, "VALIDATION_ERROR");
        }
        Answer::of(api.request(Method::POST, path).body(vec![b'{', 0xff, b'}'])).await.problem(400, "VALIDATION_ERROR");
        Answer::of(api.request(Method::POST, path).body(vec![b' '; 1024 * 1024 + 1])).await.problem(413, "VALIDATION_ERROR");
    }
    let mut large = connection_body("acme");
    large["settings"]["projects"] = json!(["x".repeat(1024 * 1024)]);
    api.send(Method::POST, "/connections", &large).await.problem(413, "VALIDATION_ERROR");
}

#[tokio::test]
async fn the_content_type_does_not_matter() {
    let api = TestApi::start().await;
    let request = api.request(Method::POST, "/runs").content_type("application/x-www-form-urlencoded").body(r#"{"kind":"matching"}"#);
    assert_eq!(Answer::of(request).await.status, 202);
}

#[tokio::test]
async fn parameters_that_cannot_be() {
    let api = TestApi::start().await;
    for path in [
        "/connections",
        "/runs",
        "/team/kpi",
        "/team/kpi/history",
        "/team/kpi/risks",
        "/team/people",
        "/identities",
        "/merge-requests",
        "/pipelines",
        "/deployments",
        "/work-items",
        "/releases",
        "/sprints",
        "/documents",
    ] {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=1000", "limit"),
            ("limit=4294967296", "limit"),
            ("cursor=", "cursor"),
            ("cursor=bm9wZQ", "cursor"),
            ("cursor=%00", "cursor"),
            ("colour=red", "colour"),
        ] {
            api.get(&format!("{path}?{query}")).await.names_field(field);
        }
    }
    for path in ["/team/people", "/identities", "/merge-requests", "/work-items", "/releases", "/documents"] {
        api.get(&format!("{path}?q=a%00b")).await.names_field("q");
        // invalid UTF-8 and wildcards are text like any other
        for q in ["%ff", "%25", "_", "%5C", "'%20or%201=1--", "%F0%9F%A6%80"] {
            assert_eq!(api.get(&format!("{path}?q={q}")).await.status, 200, "{q}");
        }
    }
    for (path, field) in [
        ("/merge-requests?since=99999-01-01", "since"),
        ("/merge-requests?since=2026-01-01T00:00:00+02:00", "since"),
        ("/merge-requests?bot=maybe", "bot"),
        ("/merge-requests?author_person=ada", "author_person"),
        ("/merge-requests?kpi_snapshot_id=99999999999999999999", "kpi_snapshot_id"),
        ("/identities?link_status=perhaps", "link_status"),
        ("/team/kpi?metric=happiness", "metric"),
        ("/team/kpi?window=year", "window"),
        ("/team/kpi?scope=galaxy", "scope"),
        ("/team/kpi?scope=organisation&project=a/b", "project"),
        ("/connections/x?colour=red", "colour"),
    ] {
        api.get(path).await.names_field(field);
    }
    // one list's cursor is not another's
    for name in ["a", "b"] {
        api.connection(name).await;
    }
    let cursor = api.get("/connections?limit=1").await.json()["next_cursor"].as_str().unwrap().to_owned();
    api.get(&format!("/runs?cursor={cursor}")).await.names_field("cursor");
}

#[tokio::test]
async fn request_ids_are_kept_when_sensible() {
    let api = TestApi::start().await;
    let with = async |id: &str| Answer::of(api.request(Method::GET, "/nowhere").header("x-request-id", id)).await;
    let kept = with("my-id.7").await;
    assert_eq!((kept.request_id.as_str(), &kept.json()["request_id"]), ("my-id.7", &json!("my-id.7")));
    for id in ["", "a b", "<script>", &"a".repeat(200)] {
        let replaced = with(id).await;
        assert!(uuid::Uuid::parse_str(&replaced.request_id).is_ok(), "{id}: {}", replaced.request_id);
    }
    assert!(!api.get("/health").await.request_id.is_empty(), "good answers have one as well");
}

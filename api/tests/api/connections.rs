use ovia_domain::ConnectionId;
use ovia_workflows::EngineError;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::common::{Answer, Method, MockTemporal, SECRET, TestApi, connection_body, willing_engine};

#[tokio::test]
async fn a_connection_is_made_shown_changed_and_deleted() {
    let api = TestApi::start().await;
    let mut body = connection_body("  acme  ");
    body["settings"]["page_size"] = json!(20);
    let made = api.send(Method::POST, "/connections", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert_eq!(made["name"], "acme");
    assert_eq!(made["base_url"], "https://gitlab.example.com/git");
    assert_eq!(made["credentials"], json!({"set": true}));
    assert_eq!(made["settings"]["projects"], json!(["acme/web", "7"]));
    assert!(made["created_at"].as_str().unwrap().ends_with('Z'));
    let path = format!("/connections/{}", made["id"].as_str().unwrap());
    assert_eq!(api.get(&path).await.json(), made);
    assert_eq!(api.get("/connections").await.items(), std::slice::from_ref(&made));

    let changed = api.send(Method::PATCH, &path, &json!({"name": "renamed", "settings": {"groups": ["acme"]}})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let changed = changed.json();
    assert_eq!((changed["name"].as_str(), changed["settings"]["groups"][0].as_str()), (Some("renamed"), Some("acme")));
    assert_eq!(changed["settings"]["page_size"], 100, "settings are replaced whole");
    assert_eq!(changed["base_url"], made["base_url"]);

    assert_eq!(Answer::of(api.request(Method::DELETE, &path)).await.status, 204);
    for method in [Method::GET, Method::DELETE] {
        Answer::of(api.request(method, &path)).await.problem(404, "NOT_FOUND");
    }
    assert!(api.get("/connections").await.items().is_empty());
    api.connection("renamed").await;
}

#[tokio::test]
async fn credentials_are_sealed_opened_and_forgotten() {
    let api = TestApi::start().await;
    let id = api.connection("acme").await;
    let key: ConnectionId = id.parse().unwrap();
    let sealer = api.config.sealer.clone().unwrap();
    let open =
        async || api.db.store.connection_open_secret(api.org, key, &sealer).await.unwrap().map(|found| found.1.expose_secret().to_owned());
    assert_eq!(open().await, Some(json!({"token": SECRET}).to_string()));
    let patched = api.send(Method::PATCH, &format!("/connections/{id}"), &json!({"credentials": {"token": " next "}})).await;
    assert_eq!(patched.status, 200);
    assert_eq!(open().await, Some(json!({"token": "next"}).to_string()));
    assert!(api.db.store.connection_open_secret(api.other_org, key, &sealer).await.unwrap().is_none());
    Answer::of(api.request(Method::DELETE, &format!("/connections/{id}"))).await;
    assert_eq!(open().await, None);
    api.db.sql(&format!("do $$ begin assert (select length(credentials_sealed) = 0 from connections where id = '{id}'); end $$")).await;
}

#[tokio::test]
async fn a_name_is_taken_within_its_organisation_only() {
    let api = TestApi::start().await;
    api.connection("acme").await;
    let second = api.connection("second").await;
    let again = api.send(Method::POST, "/connections", &connection_body("acme")).await;
    assert!(again.problem(409, "CONFLICT")["detail"].as_str().unwrap().contains("`acme`"));
    api.send(Method::PATCH, &format!("/connections/{second}"), &json!({"name": " acme "})).await.problem(409, "CONFLICT");
    assert_eq!(api.as_other(Method::POST, "/connections", Some(&connection_body("acme"))).await.status, 201);
}

fn with(pointer: &str, value: Value) -> Value {
    let mut body = connection_body("acme");
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

#[tokio::test]
async fn what_is_wrong_with_a_connection_is_named() {
    let api = TestApi::start().await;
    let mut unknown = connection_body("acme");
    unknown["colour"] = json!("red");
    let mut unknown_credential = connection_body("acme");
    unknown_credential["credentials"]["password"] = json!(SECRET);
    let mut no_token = connection_body("acme");
    no_token["credentials"] = json!({});
    let mut no_name = connection_body("acme");
    no_name.as_object_mut().unwrap().remove("name");
    let table = [
        (unknown, "colour"),
        (unknown_credential, "credentials.password"),
        (no_token, "credentials.token"),
        (no_name, "name"),
        (with("/source", json!("svn")), "source"),
        (with("/source", json!(1)), "source"),
        (with("/name", json!("  ")), "name"),
        (with("/name", json!("x".repeat(101))), "name"),
        (with("/name", json!("a\nb")), "name"),
        (with("/name", json!(12)), "name"),
        (with("/name", json!("a\0b")), "name"),
        (with("/base_url", json!("gitlab")), "base_url"),
        (with("/base_url", json!("http://127.0.0.1:8080")), "base_url"),
        (with("/base_url", json!("http://10.0.0.8")), "base_url"),
        (with("/base_url", json!("https://gitlab.example.com/?private_token=x")), "base_url"),
        (with("/base_url", json!(format!("https://gitlab.example.com/{}", "a".repeat(3000)))), "base_url"),
        (with("/credentials", json!(SECRET)), "credentials"),
        (with("/credentials/token", json!([SECRET])), "credentials.token"),
        (with("/credentials/token", json!(" ")), "credentials.token"),
        (with("/credentials/token", json!(format!("{SECRET}\r\nHost: x"))), "credentials.token"),
        (with("/credentials/token", json!("t\0")), "credentials.token"),
        (with("/credentials/token", json!("x".repeat(5000))), "credentials.token"),
        (with("/settings", json!({})), "settings.projects"),
        (with("/settings", json!([])), "settings"),
        (with("/settings/projects", json!(["a/b\0"])), "settings.projects[0]"),
        (with("/settings/projects", json!(["https://gitlab.example.com/a"])), "settings.projects"),
        (with("/settings", json!({"projects": ["a/b"], "page_size": 0})), "settings.page_size"),
        (with("/settings", json!({"projects": ["a/b"], "colour": 1})), "settings.colour"),
    ];
    for (body, field) in table {
        let answer = api.send(Method::POST, "/connections", &body).await;
        assert!(answer.names_field(field).len() > 5, "{field}");
    }
    assert!(api.get("/connections").await.items().is_empty());
}

#[tokio::test]
async fn each_source_takes_its_own_credentials_and_settings() {
    let api = TestApi::start().await;
    let body = |source: &str, credentials: Value| {
        let settings = match source {
            "jira" => json!({"project_keys": [" web "]}),
            "gitlab" => json!({"groups": ["acme"]}),
            _ => json!({}),
        };
        json!({"source": source, "name": format!("{source} one"), "base_url": "https://acme.atlassian.net", "credentials": credentials, "settings": settings})
    };
    let refused = [
        ("jira", json!({}), "credentials.email"),
        ("jira", json!({"token": SECRET}), "credentials.token"),
        ("jira", json!({"email": "ada@acme.example"}), "credentials.api_token"),
        ("jira", json!({"api_token": SECRET}), "credentials.email"),
        ("jira", json!({"email": "ada", "api_token": SECRET}), "credentials.email"),
        ("jira", json!({"email": "ada@acme.example", "api_token": "a b"}), "credentials.api_token"),
        ("jira", json!({"email": "ada@acme.example", "api_token": SECRET, "access_token": SECRET}), "credentials.access_token"),
        ("confluence", json!({"access_token": " "}), "credentials.access_token"),
        ("gitlab", json!({"api_token": SECRET}), "credentials.api_token"),
    ];
    for (source, credentials, field) in refused {
        let answer = api.send(Method::POST, "/connections", &body(source, credentials)).await;
        assert!(answer.names_field(field).len() > 5, "{field}");
        assert!(!answer.text.contains(SECRET));
    }
    let mut no_keys = body("jira", json!({"access_token": SECRET}));
    no_keys["settings"] = json!({"project_keys": ["WEB", ""]});
    api.send(Method::POST, "/connections", &no_keys).await.names_field("settings.project_keys[1]");
    let basic = json!({"email": " ada@acme.example ", "api_token": SECRET});
    let made = api.send(Method::POST, "/connections", &body("jira", basic)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert_eq!(made["settings"]["project_keys"], json!(["WEB"]));
    let sealer = api.config.sealer.clone().unwrap();
    let key: ConnectionId = made["id"].as_str().unwrap().parse().unwrap();
    let sealed = api.db.store.connection_open_secret(api.org, key, &sealer).await.unwrap().unwrap().1;
    let opened: Value = serde_json::from_str(sealed.expose_secret()).unwrap();
    assert_eq!(opened, json!({"email": "ada@acme.example", "api_token": SECRET}));
    let bearer = api.send(Method::POST, "/connections", &body("confluence", json!({"access_token": SECRET}))).await;
    assert_eq!(bearer.status, 201, "{}", bearer.text);
}

#[tokio::test]
async fn a_stored_token_is_never_sent_to_a_new_address() {
    let api = TestApi::start().await;
    let path = format!("/connections/{}", api.connection("acme").await);
    api.send(Method::PATCH, &path, &json!({"base_url": "https://evil.example.com"})).await.names_field("credentials");
    let same = api.send(Method::PATCH, &path, &json!({"base_url": "https://gitlab.example.com/git"})).await;
    assert_eq!(same.status, 200, "{}", same.text);
    let moved = api.send(Method::PATCH, &path, &json!({"base_url": "https://new.example.com", "credentials": {"token": "t"}})).await;
    assert_eq!(moved.json()["base_url"], "https://new.example.com");
    for (body, field) in [
        (json!({"name": ""}), "name"),
        (json!({"source": "gitlab"}), "source"),
        (json!({"settings": {"groups": [1.5]}}), "settings.groups[0]"),
    ] {
        api.send(Method::PATCH, &path, &body).await.names_field(field);
    }
}

#[tokio::test]
async fn private_addresses_are_taken_where_allowed() {
    let api = TestApi::configured(willing_engine(), |config| config.allow_private_addresses = true).await;
    let made = api.send(Method::POST, "/connections", &with("/base_url", json!("http://127.0.0.1:8080"))).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

#[tokio::test]
async fn deleting_waits_for_the_sync() {
    let api = TestApi::start().await;
    let id = api.connection("acme").await;
    let run = api.post(&format!("/connections/{id}/sync")).await.json()["id"].as_str().unwrap().to_owned();
    let refused = Answer::of(api.request(Method::DELETE, &format!("/connections/{id}"))).await.problem(409, "CONFLICT");
    assert_eq!(refused["run_id"], run.as_str());
    api.run_ends(&run, "succeeded").await;
    assert_eq!(Answer::of(api.request(Method::DELETE, &format!("/connections/{id}"))).await.status, 204);
    assert_eq!(api.get(&format!("/runs/{run}")).await.json()["connection_name"], "acme", "its runs stay readable");
    api.post(&format!("/runs/{run}/retry")).await.problem(409, "CONFLICT");
}

#[tokio::test]
async fn testing_a_connection_asks_a_worker() {
    let api = TestApi::start().await;
    let id = api.connection("acme").await;
    let found = api.post(&format!("/connections/{id}/test")).await.json();
    assert_eq!(found, json!({"ok": true, "account": "@ada", "version": "18.1", "warnings": ["a warning"], "error": null}));

    let mut away = MockTemporal::new();
    away.expect_connection_check().times(1).returning(|_, _| Err(EngineError::Unavailable("secret-host:7233".into())));
    away.expect_connection_check().returning(|_, _| Err(EngineError::NoWorker(20)));
    let api = TestApi::with_engine(away).await;
    let id = api.connection("acme").await;
    let refused = api.post(&format!("/connections/{id}/test")).await;
    refused.problem(503, "UPSTREAM_UNREACHABLE");
    assert!(!refused.text.contains("secret-host"));
    let refused = api.post(&format!("/connections/{id}/test")).await.problem(503, "UPSTREAM_UNREACHABLE");
    assert!(refused["hint"].as_str().unwrap().contains("worker"));
}

#[tokio::test]
async fn without_a_sealing_key_nothing_can_be_connected() {
    let api = TestApi::configured(willing_engine(), |config| config.sealer = None).await;
    let refused = api.send(Method::POST, "/connections", &connection_body("acme")).await.problem(503, "NOT_CONFIGURED");
    assert!(refused["hint"].as_str().unwrap().contains("OVIA_SEALING_KEY"));
    let gitlab = api.get("/connectors").await.items().remove(0);
    assert_eq!(gitlab["configured"], false);
    assert_eq!(gitlab["missing"][0]["name"], "seal_key");
}

#[tokio::test]
async fn connectors_say_what_is_missing() {
    let api = TestApi::start().await;
    let gitlab = api.get("/connectors").await.items().remove(0);
    assert_eq!(
        (&gitlab["source"], &gitlab["configured"], &gitlab["missing"][0]["name"]),
        (&json!("gitlab"), &json!(false), &json!("connection"))
    );
    assert_eq!(gitlab["credentials"][0]["secret"], true);
    api.connection("acme").await;
    let gitlab = api.get("/connectors").await.items().remove(0);
    assert_eq!((&gitlab["configured"], &gitlab["connections"], &gitlab["missing"]), (&json!(true), &json!(1), &json!([])));
}

#[tokio::test]
async fn paging_walks_every_connection_once() {
    let api = TestApi::start().await;
    for number in 0..7 {
        api.connection(&format!("c{number}")).await;
    }
    for limit in [1, 3, 7] {
        let names: Vec<_> = api.walk("/connections", limit).await.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(names, ["c0", "c1", "c2", "c3", "c4", "c5", "c6"]);
    }
}

//! Dead letters: lists, what a request may say, and whose they are.

use serde_json::{Value, json};

use crate::common::{Method, TestApi};

/// Six letters of a connection: three reasons, one closed.
async fn seed(api: &TestApi, connection: &str) -> Vec<i64> {
    let sql = format!(
        "insert into dead_letters (org_id, connection_id, run_id, stream, external_id, payload, payload_hash, reason, status, resolved_at)
         select '{}', '{connection}', '{connection}', case when n < 3 then 'issues' else 'jobs' end, n::text, '{{\"id\": ' || n || '}}',
             ('{connection}' || n)::bytea, (array['`id` is missing', '`iid` is missing', 'no'])[1 + n % 3],
             case when n = 0 then 'replayed' else 'open' end, case when n = 0 then now() end
         from generate_series(0, 5) n",
        api.org
    );
    api.db.sql(&sql).await;
    api.walk("/dead-letters", 200).await.iter().map(|letter| letter["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let ids = seed(&api, &connection).await;
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "newest first: {ids:?}");
    assert_eq!(api.walk("/dead-letters", 2).await.len(), 6);
    for (query, letters) in [
        ("status=open", 5),
        ("status=replayed", 1),
        ("stream=issues&status=open", 2),
        ("reason=no", 2),
        ("reason=%60id%60%20is*", 2),
        ("reason=%60*", 4),
        ("reason=i*", 0),
        ("since=2999-01-01", 0),
        ("connection=00000000-0000-0000-0000-000000000000", 0),
    ] {
        assert_eq!(api.get(&format!("/dead-letters?{query}")).await.items().len(), letters, "{query}");
    }
    let counts = api.get("/dead-letters/counts").await.items();
    assert_eq!(counts.iter().map(|group| group["letters"].as_i64().unwrap()).sum::<i64>(), 5);
    assert_eq!((&counts[0]["connection_name"], counts[0]["letters"].as_i64()), (&json!("acme"), Some(1)), "{counts:?}");
    let letter = api.get(&format!("/dead-letters/{}", ids[0])).await.json();
    assert_eq!((&letter["payload"], &letter["external_id"]), (&json!("{\"id\": 5}"), &json!("5")));
    api.get("/dead-letters?status=closed").await.names_field("status");
    api.get("/dead-letters/x").await.names_field("id");
    api.get("/dead-letters/99").await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_request_says_which_letters_it_means() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let ids = seed(&api, &connection).await;
    let many: Vec<i64> = (0..1001).collect();
    for (body, field) in [
        (json!({}), "ids"),
        (json!({"all": false}), "ids"),
        (json!({"connection_id": connection}), "ids"),
        (json!({"ids": []}), "ids"),
        (json!({"ids": many}), "ids"),
        (json!({"ids": [ids[0]], "all": true}), "ids"),
        (json!({"ids": ["x"]}), "ids[0]"),
        (json!({"reason": "x", "all": true}), "all"),
        (json!({"everything": true}), "everything"),
    ] {
        api.send(Method::POST, "/dead-letters/replay", &body).await.names_field(field);
    }
    for body in [json!({"all": true, "why": " "}), json!({"all": true, "why": "x".repeat(1001)})] {
        api.send(Method::POST, "/dead-letters/drop", &body).await.names_field("why");
    }
    api.send(Method::POST, "/dead-letters/drop", &json!({"all": true})).await.names_field("why");
    api.send(Method::POST, "/dead-letters/replay", &json!({"ids": [ids[0], 99]})).await.problem(404, "NOT_FOUND");
    let nobody = json!({"connection_id": "00000000-0000-0000-0000-000000000000", "all": true});
    api.send(Method::POST, "/dead-letters/replay", &nobody).await.problem(404, "NOT_FOUND");
    let closed = json!({"ids": [ids[5]]});
    api.send(Method::POST, "/dead-letters/replay", &closed).await.problem(409, "CONFLICT");
    let nothing = json!({"reason": "unheard of", "why": "x"});
    api.send(Method::POST, "/dead-letters/drop", &nothing).await.problem(409, "CONFLICT");
}

#[tokio::test]
async fn each_connection_gets_its_run() {
    let api = TestApi::start().await;
    let (one, two) = (api.connection("one").await, api.connection("two").await);
    seed(&api, &one).await;
    seed(&api, &two).await;
    let started = api.send(Method::POST, "/dead-letters/replay", &json!({"reason": "no"})).await;
    assert_eq!(started.status, 202, "{}", started.text);
    let runs = started.json()["items"].as_array().unwrap().clone();
    let mut connections: Vec<&str> = runs.iter().map(|run| run["connection_id"].as_str().unwrap()).collect();
    connections.sort_unstable();
    assert_eq!(connections, if one < two { [one.as_str(), &two] } else { [two.as_str(), &one] });
    assert!(runs.iter().all(|run| run["kind"] == "replay" && run["params"]["up_to_id"].is_i64()), "{runs:?}");

    // one of them is over, the other is in the way
    let first = runs.iter().find(|run| run["connection_id"] == one.as_str()).unwrap();
    api.run_ends(first["id"].as_str().unwrap(), "succeeded").await;
    let again = api.send(Method::POST, "/dead-letters/replay", &json!({"all": true})).await.json();
    assert_eq!((again["items"].as_array().map(Vec::len), again["refused"].as_array().map(Vec::len)), (Some(1), Some(1)), "{again}");
    assert_eq!((&again["refused"][0]["connection_id"], again["refused"][0]["run_id"].is_string()), (&json!(two), true), "{again}");
    let problem =
        api.send(Method::POST, "/dead-letters/replay", &json!({"connection_id": two, "all": true})).await.problem(409, "CONFLICT");
    assert!(problem["run_id"].is_string(), "{problem}");
}

#[tokio::test]
async fn letters_of_another_organisation_do_not_exist() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let ids = seed(&api, &connection).await;
    let as_other = async |method: Method, path: &str, body: Option<Value>| api.as_other(method, path, body.as_ref()).await;
    assert!(as_other(Method::GET, "/dead-letters", None).await.items().is_empty());
    assert!(as_other(Method::GET, "/dead-letters/counts", None).await.items().is_empty());
    as_other(Method::GET, &format!("/dead-letters/{}", ids[0]), None).await.problem(404, "NOT_FOUND");
    for path in ["/dead-letters/replay", "/dead-letters/drop"] {
        let why = |mut body: Value| {
            if path.ends_with("drop") {
                body["why"] = json!("mine now");
            }
            Some(body)
        };
        as_other(Method::POST, path, why(json!({"ids": [ids[0]]}))).await.problem(404, "NOT_FOUND");
        as_other(Method::POST, path, why(json!({"all": true}))).await.problem(409, "CONFLICT");
        as_other(Method::POST, path, why(json!({"connection_id": connection, "all": true}))).await.problem(404, "NOT_FOUND");
    }
    as_other(Method::POST, &format!("/connections/{connection}/replay"), Some(json!({"from": "raw"}))).await.problem(404, "NOT_FOUND");
    assert_eq!(api.get("/dead-letters?status=open").await.items().len(), 5);
    assert!(as_other(Method::GET, "/audit-events", None).await.items().is_empty());
}

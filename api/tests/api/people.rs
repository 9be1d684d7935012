//! Mappings, conflicts and decisions: who is who, and what people say about it.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{Answer, Method, TestApi};

/// Accounts and people of a small company, by name.
pub struct Company {
    pub gitlab: String,
    pub jira: String,
    /// Two accounts of one person, linked by their address.
    pub ada_gitlab: String,
    pub ada_jira: String,
    pub ada: String,
    /// In conflict with each other: one name, nothing else.
    pub bo_gitlab: String,
    pub bo_jira: String,
    pub bo: String,
    pub other_bo: String,
    /// Its name is a formula.
    pub eve: String,
    pub eve_person: String,
}

/// A link by rules.
struct Linked<'a> {
    account: &'a str,
    person: &'a str,
    status: &'a str,
    confidence: f64,
    trace: Value,
    candidates: Value,
}

pub async fn seed(api: &TestApi) -> Company {
    let id = || Uuid::now_v7().to_string();
    let company = Company {
        gitlab: api.connection("acme").await,
        jira: id(),
        ada_gitlab: id(),
        ada_jira: id(),
        ada: id(),
        bo_gitlab: id(),
        bo_jira: id(),
        bo: id(),
        other_bo: id(),
        eve: id(),
        eve_person: id(),
    };
    let (org, c) = (api.org, &company);
    api.db
        .sql(&format!(
            "insert into connections (id, org_id, source, name, base_url, settings, credentials_sealed, credentials_key_id)
                values ('{}', '{org}', 'jira', 'tracker', 'https://jira.example.com', '{{}}', '\\x00', 'k1')",
            c.jira
        ))
        .await;
    let mut external = 0;
    for (id, connection, source, username, name, email) in [
        (&c.ada_gitlab, &c.gitlab, "gitlab", "ada", "Ada Moreau", "ada@acme.example"),
        (&c.ada_jira, &c.jira, "jira", "amoreau", "Ada Moreau", "ada@acme.example"),
        (&c.bo_gitlab, &c.gitlab, "gitlab", "bo", "Bo Diaz", "bo@acme.example"),
        (&c.bo_jira, &c.jira, "jira", "bdiaz", "Bo Diaz", "bo.diaz@other.example"),
        (&c.eve, &c.gitlab, "gitlab", "@eve", "=HYPERLINK(\"http://x.example\",\"Eve, the \"\"first\"\"\")", "+eve@acme.example"),
    ] {
        external += 1;
        api.db
            .sql(&format!(
                "insert into identities (id, org_id, connection_id, source, external_id, username, display_name, email, state)
                values ('{id}', '{org}', '{connection}', '{source}', '{external}', '{username}', '{}', '{email}', 'active')",
                name.replace('\'', "''")
            ))
            .await;
    }
    for (id, name, bot) in
        [(&c.ada, "Ada Moreau", false), (&c.bo, "Bo Diaz", false), (&c.other_bo, "Bo Diaz", false), (&c.eve_person, "Eve", true)]
    {
        api.db.sql(&format!("insert into people (id, org_id, display_name, is_bot) values ('{id}', '{org}', '{name}', {bot})")).await;
    }
    let address =
        json!([{"rule": "same_email", "family": "email", "detail": "both use ada@acme.example", "with": c.ada_jira, "log_odds": 9.0}]);
    let names = json!([{"rule": "same_name", "family": "name", "detail": "both are called Bo Diaz", "with": c.bo_gitlab, "log_odds": 2.5},
        {"rule": "other_domain", "family": "domain", "detail": "their addresses are at different companies", "with": c.bo_gitlab, "log_odds": -1.5}]);
    let candidates = json!([{"identity": c.bo_gitlab, "confidence": 0.731, "trace": names}]);
    for linked in [
        Linked { account: &c.ada_gitlab, person: &c.ada, status: "auto", confidence: 0.98, trace: address.clone(), candidates: json!([]) },
        Linked { account: &c.ada_jira, person: &c.ada, status: "auto", confidence: 0.96, trace: address, candidates: json!([]) },
        Linked { account: &c.bo_gitlab, person: &c.bo, status: "auto", confidence: 1.0, trace: json!([]), candidates: json!([]) },
        Linked { account: &c.bo_jira, person: &c.other_bo, status: "conflict", confidence: 0.731, trace: json!([]), candidates },
        Linked { account: &c.eve, person: &c.eve_person, status: "auto", confidence: 1.0, trace: json!([]), candidates: json!([]) },
    ] {
        let Linked { account, person, status, confidence, trace, candidates } = linked;
        api.db
            .sql(&format!(
                "insert into person_identity_links (identity_id, org_id, person_id, status, confidence, rule, trace, candidates, rule_set_version, conflict_since)
                values ('{account}', '{org}', '{person}', '{status}', {confidence}, 'same_email', '{trace}', '{candidates}', 2,
                    case when '{status}' = 'conflict' then now() - interval '3 hours' end)"
            ))
            .await;
    }
    company
}

pub async fn decide(api: &TestApi, verb: &str, body: Value) -> Answer {
    api.send(Method::POST, &format!("/team/identity-mappings/{verb}"), &body).await
}

/// What was decided, if it was.
#[track_caller]
pub fn decided(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

pub async fn mapping(api: &TestApi, account: &str) -> Value {
    let answer = api.get(&format!("/team/identity-mappings/{account}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn mappings_are_filtered_sorted_and_walked() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let accounts = async |query: &str| {
        let items = api.get(&format!("/team/identity-mappings{query}")).await.items();
        items.iter().map(|item| item["identity"]["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(accounts("").await[..3], ["bdiaz", "amoreau", "ada"], "the least sure first");
    assert_eq!(accounts("?sort=confidence_desc").await[2..], ["ada", "amoreau", "bdiaz"]);
    assert_eq!(accounts("?sort=age_desc").await, ["@eve", "bdiaz", "bo", "amoreau", "ada"]);
    assert_eq!(accounts("?status=conflict").await, ["bdiaz"]);
    assert_eq!(accounts("?source=jira").await, ["bdiaz", "amoreau"]);
    assert_eq!(accounts("?min_confidence=0.9&max_confidence=0.97").await, ["amoreau"]);
    assert_eq!(accounts(&format!("?person={}", c.ada)).await, ["amoreau", "ada"]);
    assert_eq!(accounts("?service_accounts=true").await, ["@eve"]);
    assert_eq!(accounts("?until=2020-01-01").await, Vec::<String>::new());
    assert_eq!(accounts("?q=diaz&since=2020-01-01").await, ["bdiaz", "bo"]);
    assert_eq!(accounts("?contradicted=true").await, Vec::<String>::new());
    for sort in ["confidence", "confidence_desc", "age", "age_desc"] {
        for limit in [1, 2, 5] {
            assert_eq!(api.walk(&format!("/team/identity-mappings?sort={sort}"), limit).await.len(), 5);
        }
    }
    let ada = mapping(&api, &c.ada_gitlab).await;
    assert_eq!(ada["explanation"], "Linked automatically (98 % sure): both use ada@acme.example.");
    assert_eq!((&ada["person"]["display_name"], &ada["version"], &ada["status"]), (&json!("Ada Moreau"), &json!(1), &json!("auto")));

    assert!(api.get("/team/identity-mappings?status=rejected").await.items().is_empty());
    api.get("/team/identity-mappings?status=gone").await.names_field("status");
    api.get("/team/identity-mappings/export.csv?status=rejected").await.names_field("status");
    api.get("/team/identity-mappings?min_confidence=2").await.names_field("min_confidence");
    api.get("/team/identity-mappings?sort=name").await.names_field("sort");
    let cursor = api.get("/team/identity-mappings?limit=1").await.json()["next_cursor"].as_str().unwrap().to_owned();
    api.get(&format!("/team/identity-mappings?sort=age&cursor={cursor}")).await.names_field("cursor");
    api.get(&format!("/team/identity-mappings/{}", Uuid::now_v7())).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_conflict_shows_both_sides_and_the_queue_is_counted() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let conflicts = api.get("/team/identity-mappings/conflicts").await.items();
    assert_eq!(conflicts.len(), 1);
    let conflict = &conflicts[0];
    assert_eq!(conflict["mapping"]["identity"]["id"], c.bo_jira.as_str());
    assert_eq!(conflict["accounts"], json!([]), "it is alone");
    let candidate = &conflict["candidates"][0];
    assert_eq!((&candidate["person"]["id"], &candidate["identity"]["id"]), (&json!(c.bo), &json!(c.bo_gitlab)));
    assert_eq!(candidate["accounts"][0]["email"], "bo@acme.example");
    assert_eq!(candidate["explanation"], "Both are called Bo Diaz, although their addresses are at different companies.");
    assert!(api.get("/team/identity-mappings/conflicts?source=gitlab").await.items().is_empty());

    let stats = api.get("/team/identity-mappings/stats").await.json();
    assert_eq!((&stats["accounts"], &stats["service_accounts"], &stats["people"]), (&json!(5), &json!(1), &json!(3)));
    assert_eq!(stats["match_rate"], 0.75);
    assert_eq!(stats["queue"]["size"], 1);
    let age = stats["queue"]["oldest_seconds"].as_i64().unwrap();
    assert!((10_800..10_900).contains(&age), "{age}");
    assert_eq!(stats["sources"][1]["source"], "jira");
    assert_eq!(stats["sources"][1]["match_rate"], 0.5);

    let metrics = api.get("/metrics").await.text;
    assert!(metrics.contains("ovia_identity_conflicts_open 1"), "{metrics}");
    assert!(metrics.contains("ovia_identity_conflicts_oldest_seconds 108"), "{metrics}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_field() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let stranger = Uuid::now_v7();
    decide(&api, "confirm", json!({"identity_id": c.ada_jira})).await.names_field("person_id");
    decide(&api, "confirm", json!({"identity_id": c.ada_jira, "person_id": c.ada, "reason": " "})).await.names_field("reason");
    decide(&api, "confirm", json!({"identity_id": c.ada_jira, "person_id": c.ada, "why": "x"})).await.names_field("why");
    decide(&api, "confirm", json!({"identity_id": stranger, "person_id": c.ada})).await.problem(404, "NOT_FOUND");
    decide(&api, "confirm", json!({"identity_id": c.ada_jira, "person_id": stranger})).await.problem(404, "NOT_FOUND");
    decide(&api, "remap", json!({"identity_id": c.ada_jira})).await.names_field("person_id");
    let both = json!({"identity_id": c.ada_jira, "person_id": c.ada, "new_person": {}});
    decide(&api, "remap", both).await.names_field("person_id");
    decide(&api, "remap", json!({"identity_id": c.ada_jira, "person_id": c.ada})).await.problem(409, "CONFLICT");
    decide(&api, "split", json!({"person_id": c.ada, "identity_ids": []})).await.names_field("identity_ids");
    decide(&api, "merge", json!({"person_id": c.ada, "other_person_id": c.ada})).await.names_field("other_person_id");
    decide(&api, "never", json!({})).await.names_field("person_ids");
    decide(&api, "never", json!({"identity_ids": [c.ada_jira]})).await.names_field("identity_ids");
    decide(&api, "never", json!({"identity_ids": [c.ada_jira, c.ada_gitlab]})).await.problem(409, "CONFLICT");
    decide(&api, "undo", json!({"decision_id": 99})).await.problem(404, "NOT_FOUND");
    decide(&api, "undo", json!({"decision_id": "x"})).await.names_field("decision_id");
    assert!(api.get("/team/identity-mappings/decisions").await.items().is_empty());
}

#[tokio::test]
async fn another_organisation_sees_and_decides_nothing() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let done = decided(&decide(&api, "confirm", json!({"identity_id": c.bo_jira, "person_id": c.bo})).await);
    for list in ["", "/conflicts", "/decisions", "/events"] {
        assert!(api.as_other(Method::GET, &format!("/team/identity-mappings{list}"), None).await.items().is_empty(), "{list}");
    }
    assert_eq!(api.as_other(Method::GET, "/team/identity-mappings/stats", None).await.json()["accounts"], 0);
    for path in [format!("/team/identity-mappings/{}", c.ada_jira), format!("/team/people/{}", c.ada)] {
        api.as_other(Method::GET, &path, None).await.problem(404, "NOT_FOUND");
    }
    for (verb, body) in [
        ("confirm", json!({"identity_id": c.ada_jira, "person_id": c.ada})),
        ("remap", json!({"identity_id": c.ada_jira, "new_person": {}})),
        ("split", json!({"person_id": c.ada, "identity_ids": [c.ada_jira]})),
        ("merge", json!({"person_id": c.ada, "other_person_id": c.bo})),
        ("never", json!({"identity_ids": [c.ada_jira, c.eve]})),
        ("undo", json!({"decision_id": done["decision"]["id"]})),
    ] {
        api.as_other(Method::POST, &format!("/team/identity-mappings/{verb}"), Some(&body)).await.problem(404, "NOT_FOUND");
    }
    let plan = api.as_other(Method::POST, "/team/identity-mappings/bulk-confirm", Some(&json!({"min_confidence": 0}))).await.json();
    assert_eq!(plan["count"], 0);
    let csv = api.as_other(Method::GET, "/team/identity-mappings/export.csv", None).await.text;
    assert_eq!(csv.lines().count(), 1);
    assert_eq!(api.get("/team/identity-mappings/decisions").await.items().len(), 1);
}

use serde_json::{Value, json};

use crate::common::TestApi;

/// The ids of what `seed` writes.
pub struct Seed {
    pub connection: String,
    pub ada: String,
    pub ada_account: String,
}

/// A small company: two projects, one person with an account, one bot, an account nobody knows; merge requests 1 to 7 a day apart,
/// pipelines and deployments.
pub async fn seed(api: &TestApi) -> Seed {
    let connection = api.connection("acme").await;
    let (org, ada, ada_account) = (api.org, uuid::Uuid::now_v7().to_string(), uuid::Uuid::now_v7().to_string());
    api.db
        .sql(&format!(
            "insert into identities (id, org_id, connection_id, source, external_id, username, display_name, email, is_bot, state, url) values
                ('{ada_account}', '{org}', '{connection}', 'gitlab', '1', 'ada', 'Ada 100%', 'ada@acme.example', null, 'active', 'https://gitlab.example.com/ada'),
                (gen_random_uuid(), '{org}', '{connection}', 'gitlab', '2', 'renovate-bot', 'Renovate', null, true, 'active', null),
                (gen_random_uuid(), '{org}', '{connection}', 'gitlab', '3', 'eve', 'Eve', null, false, 'blocked', null);
            insert into people (id, org_id, display_name, primary_email) values ('{ada}', '{org}', 'Ada Lovelace', 'ada@acme.example');
            insert into people (id, org_id, display_name, is_bot) values (gen_random_uuid(), '{org}', 'Renovate', true);
            insert into person_identity_links (identity_id, org_id, person_id, status, confidence, rule, trace, rule_set_version)
                values ('{ada_account}', '{org}', '{ada}', 'auto', 0.98, 'exact_email', '[{{\"rule\": \"exact_email\"}}]', 1);
            insert into person_identity_links (identity_id, org_id, person_id, status, confidence, rule, trace, rule_set_version)
                select id, org_id, '{ada}', 'conflict', 0.5, 'exact_name', '[]', 1 from identities where external_id = '3' and org_id = '{org}';
            insert into projects (org_id, connection_id, external_id, name, full_path, archived, url) values
                ('{org}', '{connection}', '10', 'web', 'acme/web', false, 'https://gitlab.example.com/acme/web'),
                ('{org}', '{connection}', '11', 'api', 'acme/api', false, null);
            insert into merge_requests (org_id, connection_id, external_id, project_external_id, number, title, state, draft, author_external_id,
                assignee_external_ids, reviewer_external_ids, labels, is_fork, created_at, merged_at, url)
                select '{org}', '{connection}', (100 + n)::text, case when n <= 4 then '10' else '11' end, n, 'Change_' || n,
                    case when n % 2 = 0 then 'merged' else 'opened' end, n = 7, (1 + n % 4)::text, '{{}}', '{{2}}', '{{bug}}', false,
                    timestamptz '2026-01-01Z' + n * interval '1 day', case when n % 2 = 0 then timestamptz '2026-02-01Z' + n * interval '1 day' end,
                    'https://gitlab.example.com/mr/' || n
                from generate_series(1, 7) n;
            -- two of them have the same creation time, and one is gone
            update merge_requests set created_at = '2026-01-03Z' where number in (2, 3) and org_id = '{org}';
            insert into merge_requests (org_id, connection_id, external_id, project_external_id, number, title, state, draft,
                assignee_external_ids, reviewer_external_ids, labels, is_fork, created_at, deleted_at)
                values ('{org}', '{connection}', '999', '10', 99, 'gone', 'opened', false, '{{}}', '{{}}', '{{}}', false, '2026-01-09Z', now());
            insert into pipelines (org_id, connection_id, external_id, project_external_id, status, git_ref, identity_external_id, created_at)
                select '{org}', '{connection}', (200 + n)::text, '10', case when n % 3 = 0 then 'failed' else 'success' end, 'main', '1',
                    case when n > 2 then timestamptz '2026-01-01Z' + n / 2 * interval '1 day' end
                from generate_series(1, 7) n;
            insert into environments (org_id, connection_id, external_id, project_external_id, name, tier) values
                ('{org}', '{connection}', '50', '10', 'live', 'production');
            insert into deployments (org_id, connection_id, external_id, project_external_id, status, environment_external_id, environment_name,
                environment_tier, identity_external_id, created_at)
                select '{org}', '{connection}', (300 + n)::text, '10', 'success', case when n % 2 = 0 then '50' end, 'review', 'development', '1',
                    timestamptz '2026-01-01Z' + n * interval '1 day'
                from generate_series(1, 5) n;"
        ))
        .await;
    Seed { connection, ada, ada_account }
}

fn column(items: &[Value], name: &str) -> Vec<Value> {
    items.iter().map(|item| item[name].clone()).collect()
}

#[tokio::test]
async fn merge_requests() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    let numbers = async |query: &str| column(&api.get(&format!("/merge-requests{query}")).await.items(), "number");
    for limit in [1, 2, 3, 7] {
        assert_eq!(column(&api.walk("/merge-requests", limit).await, "number"), [7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(column(&api.walk("/merge-requests?state=opened", limit).await, "number"), [7, 5, 3, 1]);
    }
    assert_eq!(numbers("?project=acme/api").await, [7, 6, 5]);
    assert_eq!(numbers("?project=10").await, [4, 3, 2, 1]);
    assert_eq!(numbers(&format!("?author_person={}", seed.ada)).await, [4]);
    assert_eq!(numbers(&format!("?author_identity={}", seed.ada_account)).await, [4]);
    assert_eq!(numbers("?bot=true").await, [5, 1]);
    assert_eq!(numbers("?bot=false").await, [7, 6, 4, 3, 2], "an account that is not known counts as human");
    assert_eq!(numbers("?draft=true").await, [7]);
    assert_eq!(numbers("?q=change_2").await, [2]);
    assert_eq!(numbers("?q=%25").await, Vec::<Value>::new(), "a wildcard is text");
    assert_eq!(numbers("?since=2026-01-03&until=2026-01-05").await, [3, 2]);
    assert_eq!(numbers("?merged_since=2026-02-05&merged_until=2026-02-07").await, [4]);
    assert_eq!(numbers(&format!("?connection={}", seed.connection)).await.len(), 7);
    let shown = api.get("/merge-requests?q=change_4").await.items().remove(0);
    for (field, value) in [
        ("source", json!("gitlab")),
        ("external_id", json!("104")),
        ("url", json!("https://gitlab.example.com/mr/4")),
        ("project", json!("acme/web")),
        ("created_at", json!("2026-01-05T00:00:00Z")),
        ("additions", Value::Null),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    assert_eq!(
        shown["author"],
        json!({"external_id": "1", "identity_id": seed.ada_account, "username": "ada", "display_name": "Ada 100%", "is_bot": null, "person_id": seed.ada, "person_name": "Ada Lovelace"})
    );
    let stranger = api.get("/merge-requests?q=change_3").await.items().remove(0);
    assert_eq!((&stranger["author"]["external_id"], &stranger["author"]["identity_id"]), (&json!("4"), &Value::Null));
    assert_eq!(api.get("/merge-requests?q=change_6").await.items()[0]["author"]["person_id"], Value::Null, "a conflict is no link");
}

#[tokio::test]
async fn pipelines() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    let ids = |items: Vec<Value>| column(&items, "external_id").iter().map(|id| id.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let expected = ["202", "201", "207", "206", "205", "204", "203"];
    for limit in [1, 2, 3, 7] {
        assert_eq!(ids(api.walk("/pipelines", limit).await), expected, "those without a creation time come first");
    }
    assert_eq!(ids(api.get("/pipelines?status=failed").await.items()), ["206", "203"]);
    assert_eq!(ids(api.get("/pipelines?since=2026-01-03&until=2026-01-04").await.items()), ["205", "204"]);
    assert_eq!(
        ids(api.get(&format!("/pipelines?project=acme/web&git_ref=main&person={}&connection={}", seed.ada, seed.connection)).await.items()),
        expected
    );
    assert!(api.get("/pipelines?git_ref=other").await.items().is_empty());
    let shown = api.get("/pipelines?limit=1").await.items().remove(0);
    assert_eq!(
        (&shown["source"], &shown["started_by"]["person_name"], &shown["duration_seconds"]),
        (&json!("gitlab"), &json!("Ada Lovelace"), &Value::Null)
    );
}

#[tokio::test]
async fn deployments() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    let ids = |items: Vec<Value>| column(&items, "external_id").iter().map(|id| id.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    for limit in [1, 2, 5] {
        assert_eq!(ids(api.walk("/deployments", limit).await), ["305", "304", "303", "302", "301"]);
    }
    assert_eq!(ids(api.get("/deployments?tier=production").await.items()), ["304", "302"], "the environment's own tier wins");
    assert_eq!(ids(api.get("/deployments?environment=live").await.items()), ["304", "302"]);
    assert_eq!(ids(api.get("/deployments?tier=development&status=success&project=10").await.items()), ["305", "303", "301"]);
    assert_eq!(ids(api.get(&format!("/deployments?person={}&since=2026-01-05", seed.ada)).await.items()), ["305", "304"]);
    assert!(api.get("/deployments?status=failed").await.items().is_empty());
}

#[tokio::test]
async fn people_and_identities() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    for limit in [1, 2] {
        assert_eq!(column(&api.walk("/team/people", limit).await, "display_name"), ["Ada Lovelace", "Renovate"]);
        assert_eq!(api.walk("/identities", limit).await.len(), 3);
    }
    let ada = api.get("/team/people?bot=false").await.items().remove(0);
    let accounts = ada["identities"].as_array().unwrap();
    assert_eq!(accounts.len(), 1, "a conflict is no link");
    for (field, value) in [
        ("source", json!("gitlab")),
        ("external_id", json!("1")),
        ("url", json!("https://gitlab.example.com/ada")),
        ("rule", json!("exact_email")),
        ("confidence", json!(0.98)),
        ("link_status", json!("auto")),
    ] {
        assert_eq!(accounts[0][field], value, "{field}");
    }
    let names = async |query: &str| column(&api.get(&format!("/team/people{query}")).await.items(), "display_name");
    assert_eq!(names("?q=lovelace").await, ["Ada Lovelace"]);
    assert_eq!(names("?q=100%25").await, ["Ada Lovelace"], "found by an account's name");
    assert_eq!(names("?q=eve").await, Vec::<Value>::new());

    let names = async |query: &str| {
        let mut names: Vec<_> = column(&api.get(&format!("/identities{query}")).await.items(), "username")
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("?bot=true").await, ["renovate-bot"]);
    assert_eq!(names("?bot=false").await, ["ada", "eve"]);
    assert_eq!(names("?linked=true").await, ["ada"]);
    assert_eq!(names("?linked=false").await, ["eve", "renovate-bot"]);
    assert_eq!(names("?link_status=conflict").await, ["eve"]);
    assert_eq!(names("?state=blocked&q=EVE").await, ["eve"]);
    assert_eq!(names(&format!("?person={}&connection={}", seed.ada, seed.connection)).await, ["ada"]);
    let eve = api.get("/identities?q=eve").await.items().remove(0);
    assert_eq!((&eve["link"]["status"], &eve["link"]["person_id"]), (&json!("conflict"), &Value::Null));
    assert_eq!(api.get("/identities?bot=true").await.items()[0]["link"], Value::Null);
}

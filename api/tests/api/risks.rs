//! What needs attention: found in rows, kept, muted, gone and back again.

use chrono::{DateTime, Utc};
use ovia_domain::{RunId, risk::RiskSettings};
use ovia_store::risks::RisksApplied;
use serde_json::{Value, json};

use crate::{
    common::{Method, TestApi},
    lists::{Seed, seed},
};

pub fn as_of() -> DateTime<Utc> {
    "2026-01-20T00:00:00Z".parse().unwrap()
}

pub fn settings() -> RiskSettings {
    RiskSettings { stale_after_days: 7, ageing_after_days: 14, production_tiers: vec!["production".into()], today: as_of().date_naive() }
}

pub async fn detect(api: &TestApi) -> RisksApplied {
    let found = api.db.store.risks_detect(api.org, as_of(), &settings()).await.unwrap();
    api.db.store.risks_apply(api.org, RunId::generate(), &found).await.unwrap()
}

pub async fn of_kind(api: &TestApi, kind: &str) -> Vec<Value> {
    api.get(&format!("/team/kpi/risks?kind={kind}")).await.items()
}

pub async fn pipelines(api: &TestApi, seed: &Seed, status: &str, day: u32, first: u32) {
    let values: Vec<String> = (first..first + 3)
        .map(|n| format!("('{}', '{}', 'p{n}', '10', '{status}', 'main', '2026-01-{day}T0{}:00Z')", api.org, seed.connection, n % 10))
        .collect();
    let columns = "org_id, connection_id, external_id, project_external_id, status, git_ref, finished_at";
    api.db.sql(&format!("insert into pipelines ({columns}) values {}", values.join(", "))).await;
}

/// `reviewers` of merge requests 501, 502 … of acme/web.
pub async fn review_requests(api: &TestApi, seed: &Seed, reviewers: &[&str]) {
    for (number, reviewers) in (501..).zip(reviewers) {
        api.db
            .sql(&format!(
                "insert into merge_requests (org_id, connection_id, external_id, project_external_id, number, title, state, draft,
                    author_external_id, assignee_external_ids, reviewer_external_ids, labels, is_fork, created_at)
                values ('{}', '{}', '{number}', '10', {number}, 'To review', 'opened', false, '3', '{{}}', '{{{reviewers}}}', '{{}}', false,
                    '2026-01-19Z')",
                api.org, seed.connection
            ))
            .await;
    }
}

/// Figures of single people are on, and the token may see them.
async fn people_allowed(api: &TestApi) {
    api.send(Method::PUT, "/team/kpi/settings", &json!({"settings": {}, "person_level": true})).await;
    assert_eq!(api.db.store.token_people_set(api.org, "first", true).await.unwrap(), 1);
}

#[tokio::test]
async fn stale_merge_requests_of_people() {
    let api = TestApi::start().await;
    seed(&api).await;
    detect(&api).await;
    let found = of_kind(&api, "stale_merge_request").await;
    // 1 and 5 are a bot's, 7 is a draft, the even ones are merged
    assert_eq!(found.iter().map(|risk| risk["evidence"]["number"].clone()).collect::<Vec<_>>(), [3]);
    let risk = &found[0];
    for (field, value) in [
        ("severity", json!("medium")),
        ("status", json!("open")),
        ("table", json!("merge_requests")),
        ("title", json!("Change_3")),
        ("url", json!("https://gitlab.example.com/mr/3")),
        ("project", json!("acme/web")),
        ("source", json!("gitlab")),
        ("owner", Value::Null),
        ("summary", json!("acme/web!3 is open and nothing has happened to it for 17 days.")),
    ] {
        assert_eq!(risk[field], value, "{field}");
    }
    // a note is activity
    api.db
        .sql(
            "insert into merge_request_notes (org_id, connection_id, external_id, merge_request_external_id, system, created_at)
            select org_id, connection_id, 'n1', external_id, false, '2026-01-14T00:00:01Z' from merge_requests where number = 3",
        )
        .await;
    assert_eq!(detect(&api).await.resolved, 1);
    assert!(of_kind(&api, "stale_merge_request").await.is_empty());
}

#[tokio::test]
async fn a_risk_opens_once_goes_and_comes_back() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    api.db.sql("update projects set default_branch = 'main'; delete from pipelines where external_id in ('203', '204')").await;
    detect(&api).await;
    assert!(of_kind(&api, "failing_pipelines").await.is_empty(), "some failed, the last did not");
    pipelines(&api, &seed, "failed", 10, 0).await;
    assert_eq!(detect(&api).await.opened, 1);
    assert_eq!(detect(&api).await, RisksApplied { found: 2, opened: 0, reopened: 0, resolved: 0 }, "a second time");
    let open = of_kind(&api, "failing_pipelines").await.remove(0);
    assert_eq!((&open["severity"], &open["evidence"]["failures_in_a_row"]), (&json!("high"), &json!(3)));
    assert_eq!(open["summary"], "The last 3 pipelines of acme/web on main failed.");
    // of another branch, and of a time to come
    api.db.sql("update pipelines set git_ref = 'feature' where external_id = '207'").await;
    assert_eq!(detect(&api).await.resolved, 0);

    pipelines(&api, &seed, "success", 11, 3).await;
    assert_eq!(detect(&api).await.resolved, 1);
    let gone = api.get("/team/kpi/risks?status=resolved").await.items().remove(0);
    assert_eq!((&gone["id"], gone["resolved_at"].is_string()), (&open["id"], true), "{gone}");
    api.send(Method::POST, &format!("/team/kpi/risks/{}/mute", gone["id"]), &json!({"reason": "x"})).await.problem(409, "CONFLICT");

    pipelines(&api, &seed, "failed", 12, 6).await;
    assert_eq!(detect(&api).await.reopened, 1);
    let back = of_kind(&api, "failing_pipelines").await.remove(0);
    assert_eq!((&back["id"], &back["first_seen_at"], &back["resolved_at"]), (&open["id"], &open["first_seen_at"], &Value::Null));
    assert!(back["reopened_at"].is_string(), "{back}");
}

#[tokio::test]
async fn pipelines_that_fail_often() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    api.db.sql("update projects set default_branch = 'main'; delete from pipelines").await;
    for (first, status) in [(0, "success"), (3, "failed"), (6, "success")] {
        pipelines(&api, &seed, status, 10 + first, first).await;
    }
    detect(&api).await;
    assert!(of_kind(&api, "failing_pipelines").await.is_empty(), "nine say too little");
    pipelines(&api, &seed, "success", 19, 9).await;
    detect(&api).await;
    let risk = of_kind(&api, "failing_pipelines").await.remove(0);
    assert_eq!(
        (&risk["severity"], &risk["evidence"]["finished"], &risk["evidence"]["succeeded"]),
        (&json!("medium"), &json!(12), &json!(9))
    );
}

#[tokio::test]
async fn two_accounts_of_one_person_are_one_reviewer() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    api.db
        .sql(&format!(
            "insert into identities (id, org_id, connection_id, source, external_id, username)
                values ('00000000-0000-4000-8000-000000000005', '{org}', '{c}', 'gitlab', '5', 'ada2');
            insert into person_identity_links (identity_id, org_id, person_id, status, confidence, rule, trace, rule_set_version)
                values ('00000000-0000-4000-8000-000000000005', '{org}', '{}', 'confirmed', 1, 'confirmed', '[]', 1)",
            seed.ada,
            org = api.org,
            c = seed.connection
        ))
        .await;
    people_allowed(&api).await;
    // both accounts are asked for the last one: one request
    review_requests(&api, &seed, &["1", "1", "5", "5", "1,5"]).await;
    detect(&api).await;
    let risk = of_kind(&api, "review_load").await.remove(0);
    assert_eq!((&risk["table"], &risk["row_id"], &risk["evidence"]["requests"]), (&json!("people"), &json!(seed.ada), &json!(5)));
    assert_eq!((&risk["owner"]["person_name"], &risk["severity"]), (&json!("Ada Lovelace"), &json!("medium")));
    assert_eq!(api.get(&format!("/team/kpi/risks?owner={}", seed.ada)).await.items().len(), 1);
    // one of them is done, with the other account
    api.db
        .sql(&format!(
            "insert into merge_request_approvals (org_id, connection_id, external_id, merge_request_external_id, identity_external_id)
            values ('{}', '{}', 'a1', '501', '5')",
            api.org, seed.connection
        ))
        .await;
    detect(&api).await;
    assert!(of_kind(&api, "review_load").await.is_empty(), "four are not many");
}

#[tokio::test]
async fn nobody_is_named_to_those_who_may_not_see_people() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    // one merge request of Ada's, and more reviews than one can do
    api.db.sql("update merge_requests set author_external_id = '1' where number = 3").await;
    review_requests(&api, &seed, &["1"; 5]).await;
    detect(&api).await;
    let unnamed = async |why: &str| {
        let all = api.get("/team/kpi/risks").await;
        for word in ["Ada", "ada", seed.ada.as_str(), seed.ada_account.as_str()] {
            assert!(!all.text.contains(word), "{why}: {word} in {}", all.text);
        }
        let load = of_kind(&api, "review_load").await.remove(0);
        assert_eq!(load["summary"], "One person is asked for 5 reviews that are open.");
        for field in ["owner", "title", "row_id"] {
            assert_eq!(load[field], Value::Null, "{why}: {field}");
        }
        assert_eq!((&load["evidence"]["requests"], &load["evidence"]["merge_request_ids"]), (&json!(5), &Value::Null), "{why}");
        let mute = api.send(Method::POST, &format!("/team/kpi/risks/{}/mute", load["id"]), &json!({"reason": "x"})).await;
        assert!(mute.status == 200 && !mute.text.contains("Ada"), "{why}: {}", mute.text);
        api.post(&format!("/team/kpi/risks/{}/unmute", load["id"])).await;
        api.get(&format!("/team/kpi/risks?owner={}", seed.ada)).await.problem(403, "FORBIDDEN")
    };
    assert!(unnamed("off").await["hint"].as_str().unwrap().contains("person_level"));
    api.send(Method::PUT, "/team/kpi/settings", &json!({"settings": {}, "person_level": true})).await;
    assert!(unnamed("not this token").await["hint"].as_str().unwrap().contains("people-access"));
    people_allowed(&api).await;
    let load = of_kind(&api, "review_load").await.remove(0);
    assert_eq!((&load["title"], &load["owner"]["person_id"]), (&json!("Ada Lovelace"), &json!(seed.ada)));
    assert_eq!(load["evidence"]["merge_request_ids"].as_array().unwrap().len(), 5);
    assert_eq!(api.get(&format!("/team/kpi/risks?owner={}", seed.ada)).await.items().len(), 2);
}

#[tokio::test]
async fn a_code_hosts_issues_age_where_somebody_has_them() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    let (org, c) = (api.org, &seed.connection);
    people_allowed(&api).await;
    // 1: Ada's, idle since January 1st; 2: nobody's; 3: closed; 4: moved yesterday; 5: a bot's; 6: a bot's and then somebody's, never updated
    api.db
        .sql(&format!(
            "insert into issues (org_id, connection_id, external_id, project_external_id, number, title, state, assignee_external_ids, labels,
                confidential, created_at, updated_at, closed_at)
             select '{org}', '{c}', n::text, '10', n, 'Issue ' || n, case n when 3 then 'closed' else 'opened' end, a.who, '{{}}', false,
                case n when 6 then timestamptz '2025-11-01Z' else timestamptz '2025-06-01Z' end,
                case n when 4 then timestamptz '2026-01-19Z' when 6 then null else timestamptz '2026-01-01Z' end,
                case n when 3 then timestamptz '2026-01-01Z' end
             from (values (1, array['1']), (2, '{{}}'), (3, array['1']), (4, array['1']), (5, array['2']), (6, array['2', '9'])) as a (n, who)"
        ))
        .await;
    detect(&api).await;
    let found = of_kind(&api, "ageing_work_item").await;
    let shown: Vec<_> = found.iter().map(|risk| (&risk["evidence"]["number"], &risk["evidence"]["days"], &risk["severity"])).collect();
    assert_eq!(shown, [(&json!(6), &json!(80), &json!("high")), (&json!(1), &json!(19), &json!("low"))]);
    assert_eq!(found[1]["summary"], "acme/web#1 is open and assigned, and nothing has happened to it for 19 days.");
    assert_eq!((&found[1]["table"], &found[1]["owner"]["person_id"]), (&json!("issues"), &json!(seed.ada)));
    assert_eq!(found[0]["owner"], Value::Null, "an account that nobody knows");
    api.db.sql("update projects set archived = true where external_id = '10'").await;
    detect(&api).await;
    assert!(of_kind(&api, "ageing_work_item").await.is_empty());
}

#[tokio::test]
async fn work_items_releases_and_deployments() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    people_allowed(&api).await;
    let (org, c) = (api.org, &seed.connection);
    api.db
        .sql(&format!(
            "insert into work_item_statuses (org_id, connection_id, external_id, name, category) values
                ('{org}', '{c}', '1', 'To do', 'todo'), ('{org}', '{c}', '2', 'Doing', 'in_progress'), ('{org}', '{c}', '3', 'Review', 'in_progress');
            insert into work_items (org_id, connection_id, external_id, key, project_external_id, title, kind, type_name, status, status_category,
                assignee_external_id, labels, components, fix_version_external_ids, sprint_external_ids, created_at)
                select '{org}', '{c}', n::text, 'WEB-' || n, '10', 'Item ' || n, case n when 4 then 'epic' else 'task' end, 'Task', 'Doing',
                    case n when 5 then 'done' else 'in_progress' end, '1', '{{}}', '{{}}', '{{}}', '{{}}', '2025-06-01Z'
                from generate_series(1, 5) n;
            -- 1: in progress since 20 days, moved within since; 2: since yesterday; 3: nobody knows
            insert into work_item_changes (org_id, connection_id, external_id, work_item_external_id, created_at, field, from_value, to_value) values
                ('{org}', '{c}', 'c1', '1', '2025-12-31Z', 'status', '1', '2'), ('{org}', '{c}', 'c2', '1', '2026-01-18Z', 'status', '2', '3'),
                ('{org}', '{c}', 'c3', '2', '2025-07-01Z', 'status', '1', '2'), ('{org}', '{c}', 'c4', '2', '2025-07-02Z', 'status', '2', '1'),
                ('{org}', '{c}', 'c5', '2', '2026-01-19Z', 'status', '1', '2');
            insert into versions (org_id, connection_id, external_id, project_external_id, name, released, archived, release_on) values
                ('{org}', '{c}', '1', '10', '1.0', false, false, '2026-01-25'), ('{org}', '{c}', '2', '10', '0.9', true, false, '2026-01-01'),
                ('{org}', '{c}', '3', '10', '2.0', false, false, '2026-06-01'), ('{org}', '{c}', '4', '10', 'empty', false, false, '2026-01-21');
            insert into release_memberships (org_id, connection_id, work_item_external_id, version_external_id, rule, candidates, expected, unambiguous)
                select '{org}', '{c}', n::text, '1', 'fix_version', '{{1}}', true, true from unnest(array[1, 2, 5]) n;
            insert into deployments (org_id, connection_id, external_id, project_external_id, status, environment_external_id, created_at, finished_at)
                values ('{org}', '{c}', 'd1', '11', 'success', null, '2025-10-01Z', '2025-10-01Z');
            update deployments set environment_tier = 'production' where external_id = 'd1'"
        ))
        .await;
    detect(&api).await;
    let items = of_kind(&api, "ageing_work_item").await;
    let found: Vec<_> = items.iter().map(|risk| (&risk["evidence"]["key"], &risk["evidence"]["days"], &risk["severity"])).collect();
    assert_eq!(found, [(&json!("WEB-3"), &json!(233), &json!("high")), (&json!("WEB-1"), &json!(20), &json!("low"))]);
    assert_eq!(items[0]["evidence"]["since_is_creation"], true);
    assert_eq!(items[1]["owner"]["person_id"], json!(seed.ada));

    let releases = of_kind(&api, "release_at_risk").await;
    assert_eq!(releases.len(), 1, "released, far away and empty ones are none: {releases:?}");
    assert_eq!(releases[0]["summary"], "Release 1.0 is due in 5 days and 1 of its 3 work items are done.");
    assert_eq!((&releases[0]["severity"], releases[0]["evidence"]["open_work_item_ids"].as_array().unwrap().len()), (&json!("high"), 2));

    let undeployed = of_kind(&api, "no_production_deployment").await;
    assert_eq!(undeployed.len(), 1, "of the other project there is a newer one");
    assert_eq!((&undeployed[0]["project"], &undeployed[0]["evidence"]["days"]), (&json!("acme/api"), &json!(111)));
}

#[tokio::test]
async fn what_is_muted_stays_muted() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    review_requests(&api, &seed, &["1"; 5]).await;
    detect(&api).await;
    let risk = of_kind(&api, "review_load").await.remove(0);
    let path = format!("/team/kpi/risks/{}", risk["id"]);
    for (body, field) in [
        (json!({"reason": " "}), "reason"),
        (json!({"reason": "x".repeat(1001)}), "reason"),
        (json!({"reason": "x", "until": "2020-01-01"}), "until"),
        (json!({"reason": "x", "why": "y"}), "why"),
    ] {
        api.send(Method::POST, &format!("{path}/mute"), &body).await.names_field(field);
    }
    let muted = api.send(Method::POST, &format!("{path}/mute"), &json!({"reason": " on leave ", "until": "2999-01-01"})).await.json();
    assert_eq!(
        [&muted["status"], &muted["mute_reason"], &muted["muted_by"], &muted["muted_until"]],
        [&json!("muted"), &json!("on leave"), &json!("token:first"), &json!("2999-01-01T00:00:00Z")]
    );
    detect(&api).await;
    assert!(of_kind(&api, "review_load").await.is_empty());
    assert_eq!(api.get("/team/kpi/risks?status=muted").await.items().len(), 1);
    // gone, and back: the mute still holds
    api.db.sql("update merge_requests set draft = true where number = 501").await;
    assert_eq!(detect(&api).await.resolved, 1);
    api.db.sql("update merge_requests set draft = false where number = 501").await;
    detect(&api).await;
    assert_eq!(api.get("/team/kpi/risks?status=muted").await.items().len(), 1);
    // its time is up: open at once, and for good with the next detection
    api.db.sql("update risk_items set muted_until = now() - interval '1 second' where status = 'muted'").await;
    assert_eq!(of_kind(&api, "review_load").await[0]["status"], "open");
    detect(&api).await;
    let open = of_kind(&api, "review_load").await.remove(0);
    assert_eq!((&open["muted_at"], open["reopened_at"].is_string()), (&Value::Null, true), "{open}");

    api.send(Method::POST, &format!("{path}/mute"), &json!({"reason": "again"})).await;
    for _ in 0..2 {
        assert_eq!(api.post(&format!("{path}/unmute")).await.json()["status"], "open");
    }
    let acts = api.get("/audit-events?subject=risk").await.items();
    assert_eq!(acts.iter().map(|act| act["action"].as_str().unwrap()).collect::<Vec<_>>(), ["risk.unmute", "risk.mute", "risk.mute"]);

    let other = api.as_other(Method::POST, &format!("{path}/mute"), Some(&json!({"reason": "x"}))).await;
    other.problem(404, "NOT_FOUND");
    api.as_other(Method::POST, &format!("{path}/unmute"), None).await.problem(404, "NOT_FOUND");
    assert!(api.as_other(Method::GET, "/team/kpi/risks", None).await.items().is_empty());
}

#[tokio::test]
async fn risks_are_filtered_and_walked() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    people_allowed(&api).await;
    api.db.sql("update projects set default_branch = 'main'").await;
    pipelines(&api, &seed, "failed", 10, 0).await;
    review_requests(&api, &seed, &["1"; 5]).await;
    detect(&api).await;
    let all = api.get("/team/kpi/risks").await.items();
    let severities: Vec<_> = all.iter().map(|risk| risk["severity"].as_str().unwrap()).collect();
    assert_eq!(severities, ["high", "medium", "medium"]);
    for limit in [1, 2, 3] {
        assert_eq!(api.walk("/team/kpi/risks", limit).await, all, "{limit}");
    }
    for (query, rows) in [
        ("severity=high", 1),
        ("severity=low", 0),
        ("kind=stale_merge_request", 1),
        ("project=acme/web", 2),
        ("project=10", 2),
        ("project=acme/api", 0),
        ("status=resolved", 0),
        ("owner=00000000-0000-4000-8000-000000000000", 0),
    ] {
        assert_eq!(api.get(&format!("/team/kpi/risks?{query}")).await.items().len(), rows, "{query}");
    }
    api.get("/team/kpi/risks?kind=stale").await.names_field("kind");
    api.get("/team/kpi/risks?status=gone").await.names_field("status");
    api.get("/team/kpi/risks?owner=ada").await.names_field("owner");
    api.get("/team/kpi/risks?cursor=x").await.problem(400, "VALIDATION_ERROR");
    api.post("/team/kpi/risks/x/unmute").await.names_field("id");
}

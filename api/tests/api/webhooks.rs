//! Webhooks: what proves a delivery, what is kept of it, and what strangers learn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use ovia_api::api_endpoint;
use ovia_domain::ItemRef;
use ovia_store::webhook_deliveries::NewDelivery;
use ovia_workflows::EngineError;
use poem::{EndpointExt, test::TestClient};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::common::{Answer, Method, MockTemporal, SECRET, TestApi};

const GIVEN: &str = "a secret of the source itself";
const NOBODY: &str = "01890000-0000-7000-8000-000000000001";

fn mac(key: &[u8], parts: &[&str]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part.as_bytes()));
    mac.finalize().into_bytes().to_vec()
}

fn issue(id: u64) -> String {
    let attributes = json!({"id": id, "iid": id, "title": "Do not keep this", "updated_at": "2026-03-18 09:00:00 UTC"});
    json!({"object_kind": "issue", "project": {"id": 9}, "object_attributes": attributes}).to_string()
}

async fn deliver(api: &TestApi, connection: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = api.client.request(Method::POST, format!("/webhooks/{connection}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.body(body.to_owned())).await
}

async fn put(api: &TestApi, connection: &str, body: Value) -> Value {
    let answer = api.send(Method::PUT, &format!("/connections/{connection}/webhook"), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn state(answer: Answer) -> String {
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.json()["state"].as_str().unwrap().to_owned()
}

/// Fails unless there are so many rows.
async fn assert_count(api: &TestApi, rows: &str, expected: i64) {
    api.db.sql(&format!("do $$ begin assert (select count(*) from {rows}) = {expected}, 'not {expected}'; end $$")).await;
}

async fn jira(api: &TestApi) -> String {
    let body = json!({"source": "jira", "name": "jira", "base_url": "https://acme.atlassian.net",
        "credentials": {"email": "ada@acme.example", "api_token": SECRET}, "settings": {"project_keys": ["WEB"]}});
    api.send(Method::POST, "/connections", &body).await.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_secret_is_made_or_given_and_never_told_again() {
    let api = TestApi::start().await;
    let id = api.connection("acme").await;
    let path = format!("/connections/{id}/webhook");
    api.get(&path).await.problem(404, "NOT_FOUND");
    Answer::of(api.request(Method::DELETE, &path)).await.problem(404, "NOT_FOUND");
    let made = put(&api, &id, json!({})).await;
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert_eq!(STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap().len(), 32);
    assert_eq!(made["path"], format!("/webhooks/{id}"));
    assert!(made["url"].as_str().unwrap().ends_with(&format!("/webhooks/{id}")), "{made}");
    assert_eq!(put(&api, &id, json!({"secret": GIVEN})).await["secret"], Value::Null);
    for secret in ["short", &"x".repeat(201), "with a line\nbreak in the middle", "mit Ümläuten, sechzehn", "whsec_not/base64%%%"] {
        let refused = api.send(Method::PUT, &path, &json!({"secret": secret})).await;
        refused.names_field("secret");
        assert!(!refused.text.contains(secret), "{}", refused.text);
    }
    for secret in [json!(1234567890123456_i64), json!(0.1234567890123456), json!([1234567890123456_i64]), json!({"a": "1234567890123456"})]
    {
        let refused = api.send(Method::PUT, &path, &json!({"secret": secret})).await;
        refused.names_field("secret");
        assert!(!refused.text.contains("1234567890123456"), "{}", refused.text);
    }
    let shown = api.get(&path).await;
    assert_eq!((shown.status.as_u16(), &shown.json()["deliveries"]), (200, &json!([])));
    let told = [shown.text, api.get("/audit-events").await.text, api.get(&format!("/connections/{id}")).await.text].concat();
    assert!(!told.contains(&secret) && !told.contains(GIVEN), "{told}");
    let acts = api.walk("/audit-events?action=webhook.set", 50).await;
    assert_eq!((acts.len(), &acts[0]["subject_id"]), (2, &json!(id)));
    // another organisation's webhook does not exist
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        api.as_other(method, &path, None).await.problem(404, "NOT_FOUND");
    }
    assert_count(&api, &format!("webhooks where position('{GIVEN}'::bytea in secret_sealed) > 0"), 0).await;
}

#[tokio::test]
async fn a_delivery_is_stored_once_and_without_its_payload() {
    let api = TestApi::start().await;
    let id = api.connection("acme").await;
    put(&api, &id, json!({"secret": GIVEN})).await;
    let good = |key| [("x-gitlab-token", GIVEN), ("x-gitlab-event", "Issue Hook"), ("idempotency-key", key)];
    assert_eq!(state(deliver(&api, &id, &good("a"), &issue(1)).await).await, "pending");
    assert_eq!(state(deliver(&api, &id, &good("a"), &issue(1)).await).await, "known");
    assert_eq!(state(deliver(&api, &id, &good("b"), &issue(1)).await).await, "pending");
    let odd = json!({"object_kind": "emoji", "project": {"id": 9}}).to_string();
    assert_eq!(state(deliver(&api, &id, &good("c"), &odd).await).await, "ignored");
    // without an id of its own, a body is its id
    let bare = [("x-gitlab-token", GIVEN)];
    assert_eq!(state(deliver(&api, &id, &bare, &issue(2)).await).await, "pending");
    assert_eq!(state(deliver(&api, &id, &bare, &issue(2)).await).await, "known");
    let kept = "stream = 'issues' and partition = '9' and external_id = '1' and number = 1 and event_at = '2026-03-18 09:00:00Z'";
    assert_count(&api, &format!("webhook_deliveries where {kept}"), 2).await;
    assert_count(&api, "webhook_deliveries where to_jsonb(webhook_deliveries)::text like '%keep this%'", 0).await;
    let shown = api.get(&format!("/connections/{id}/webhook")).await.json();
    let of = |kind: &str| {
        let all = shown["deliveries"].as_array().unwrap();
        all.iter().find(|one| one["kind"] == kind).map(|one| (one["state"].clone(), one["deliveries"].clone()))
    };
    assert_eq!(of("issue"), Some((json!("pending"), json!(3))), "{shown}");
    assert_eq!(of("emoji"), Some((json!("ignored"), json!(1))), "{shown}");
    assert!(shown["last_delivery_at"].is_string());
}

#[tokio::test]
async fn every_refusal_is_the_same() {
    let mut api = TestApi::start().await;
    let (id, bare) = (api.connection("acme").await, api.connection("without a webhook").await);
    put(&api, &id, json!({"secret": GIVEN})).await;
    let good = [("x-gitlab-token", GIVEN)];
    let wrong = [("x-gitlab-token", "not the secret at all")];
    let mut told = Vec::new();
    for (connection, headers) in [
        (id.as_str(), &wrong[..]),
        (&id, &[]),
        (&id, &[("x-gitlab-token", GIVEN), ("x-gitlab-token", GIVEN)]),
        (&id, &[("authorization", &format!("Bearer {}", api.token))]),
        (&bare, &good),
        (NOBODY, &good),
        ("nonsense", &good),
    ] {
        // what is wrong with the body is not told either
        let mut problem = deliver(&api, connection, headers, "{").await.problem(401, "UNAUTHENTICATED");
        problem["request_id"] = Value::Null;
        told.push(problem);
    }
    // nor that the server has no key: then nothing is authentic, whatever it brings
    let mut config = api.config.clone();
    config.sealer = None;
    api.client = TestClient::new(api_endpoint(config).map_to_response().boxed());
    for (connection, headers) in [(id.as_str(), &good[..]), (NOBODY, &good), ("nonsense", &[])] {
        let mut problem = deliver(&api, connection, headers, &issue(1)).await.problem(401, "UNAUTHENTICATED");
        problem["request_id"] = Value::Null;
        told.push(problem);
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
    assert_count(&api, "webhook_deliveries", 0).await;
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let api = TestApi::start().await;
    let id = api.connection("acme").await;
    put(&api, &id, json!({"secret": GIVEN})).await;
    let good = [("x-gitlab-token", GIVEN)];
    for body in ["", "{", "[]", "null", "7"] {
        deliver(&api, &id, &good, body).await.problem(400, "VALIDATION_ERROR");
    }
    let long = " ".repeat(5 * 1024 * 1024 + 1);
    deliver(&api, &id, &good, &long).await.problem(413, "VALIDATION_ERROR");
    deliver(&api, NOBODY, &good, &long).await.problem(413, "VALIDATION_ERROR");
    assert_count(&api, "webhook_deliveries", 0).await;
}

#[tokio::test]
async fn signed_deliveries() {
    let api = TestApi::start().await;
    let (gitlab, jira) = (api.connection("acme").await, jira(&api).await);
    let token = put(&api, &gitlab, json!({})).await["secret"].as_str().unwrap().to_owned();
    let key = STANDARD.decode(token.strip_prefix("whsec_").unwrap()).unwrap();
    let at = |shift: i64| (chrono::Utc::now().timestamp() + shift).to_string();
    for (time, good) in [(at(0), true), (at(-290), true), (at(-310), false), (at(310), false)] {
        let id = format!("msg_{time}");
        let signature = format!("v1,{}", STANDARD.encode(mac(&key, &[&id, ".", &time, ".", &issue(1)])));
        let headers = [("webhook-id", id.as_str()), ("webhook-timestamp", &time), ("webhook-signature", &signature)];
        let answer = deliver(&api, &gitlab, &headers, &issue(1)).await;
        assert_eq!(answer.status == 202, good, "{time}: {}", answer.text);
        deliver(&api, &gitlab, &headers, &issue(2)).await.problem(401, "UNAUTHENTICATED");
    }
    assert_count(&api, "webhook_deliveries where delivery_id like 'msg_%'", 2).await;

    put(&api, &jira, json!({"secret": GIVEN})).await;
    let body = json!({"webhookEvent": "jira:issue_updated", "timestamp": 1, "issue": {"id": "10001"}}).to_string();
    let signature = format!("sha256={}", hex::encode(mac(GIVEN.as_bytes(), &[&body])));
    let headers = [("x-hub-signature", signature.as_str()), ("x-atlassian-webhook-identifier", "one")];
    assert_eq!(state(deliver(&api, &jira, &headers, &body).await).await, "pending");
    assert_eq!(state(deliver(&api, &jira, &headers, &body).await).await, "known");
    deliver(&api, &jira, &headers, &body.replace("10001", "10002")).await.problem(401, "UNAUTHENTICATED");
    // one connection's proof is not another's
    deliver(&api, &gitlab, &headers, &body).await.problem(401, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_secret_that_is_no_more_proves_nothing() {
    let api = TestApi::start().await;
    let id = api.connection("acme").await;
    let old = put(&api, &id, json!({})).await["secret"].as_str().unwrap().to_owned();
    assert_eq!(deliver(&api, &id, &[("x-gitlab-token", &old)], &issue(1)).await.status, 202);
    put(&api, &id, json!({"secret": GIVEN})).await;
    deliver(&api, &id, &[("x-gitlab-token", &old)], &issue(2)).await.problem(401, "UNAUTHENTICATED");
    let good = [("x-gitlab-token", GIVEN)];
    assert_eq!(deliver(&api, &id, &good, &issue(2)).await.status, 202);
    assert_eq!(Answer::of(api.request(Method::DELETE, &format!("/connections/{id}/webhook"))).await.status, 204);
    deliver(&api, &id, &good, &issue(3)).await.problem(401, "UNAUTHENTICATED");
    put(&api, &id, json!({"secret": GIVEN})).await;
    assert_eq!(Answer::of(api.request(Method::DELETE, &format!("/connections/{id}"))).await.status, 204);
    deliver(&api, &id, &good, &issue(4)).await.problem(401, "UNAUTHENTICATED");
    assert_count(&api, "webhooks", 0).await;
}

/// Held deliveries wait for their connection to go on; a deleted one never does.
#[tokio::test]
async fn what_is_pending_ends_with_its_connection() {
    let api = TestApi::start().await;
    let (id, other) = (api.connection("acme").await, api.connection("other").await);
    for connection in [&id, &other] {
        put(&api, connection, json!({"secret": GIVEN})).await;
        assert_eq!(api.post(&format!("/connections/{connection}/pause")).await.status, 200);
        assert_eq!(state(deliver(&api, connection, &[("x-gitlab-token", GIVEN)], &issue(1)).await).await, "pending");
    }
    assert_eq!(Answer::of(api.request(Method::DELETE, &format!("/connections/{id}"))).await.status, 204);
    let ended =
        format!("webhook_deliveries where connection_id = '{id}' and state = 'ignored' and settled_at is not null and note is not null");
    assert_count(&api, &ended, 1).await;
    assert_count(&api, "webhook_deliveries where state = 'pending'", 1).await;
    // one that was proved before the delete and comes to be stored after it is not left behind either
    let mut late = NewDelivery {
        org_id: api.org,
        connection_id: id.parse().unwrap(),
        delivery_id: "late".into(),
        kind: "issue".into(),
        item: Some(ItemRef { stream: "issues".into(), partition: Some("9".into()), external_id: "1".into(), number: Some(1) }),
        event_at: None,
    };
    assert!(!api.db.store.delivery_insert(&late).await.unwrap());
    assert_count(&api, "webhook_deliveries", 2).await;
    late.connection_id = other.parse().unwrap();
    assert!(api.db.store.delivery_insert(&late).await.unwrap());
}

#[tokio::test]
async fn confluence_has_none() {
    let api = TestApi::start().await;
    let body = json!({"source": "confluence", "name": "wiki", "base_url": "https://acme.atlassian.net/wiki",
        "credentials": {"email": "ada@acme.example", "api_token": SECRET}, "settings": {"space_keys": ["ENG"]}});
    let made = api.send(Method::POST, "/connections", &body).await;
    let id = made.json()["id"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
    api.send(Method::PUT, &format!("/connections/{id}/webhook"), &json!({})).await.problem(409, "CONFLICT");
}

/// However many deliveries come while Temporal is being told, it is told once more after that, and nobody waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 32)]
async fn temporal_is_told_and_not_waited_for() {
    const DELIVERIES: u64 = 20;
    const PATIENCE: Duration = Duration::from_secs(60);
    let (calls, in_vain) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    // nobody is answered before the sender is dropped
    let (gate, shut) = mpsc::channel::<()>();
    let mut engine = MockTemporal::new();
    engine.expect_webhooks_tell().returning({
        let (calls, in_vain) = (Arc::clone(&calls), Arc::clone(&in_vain));
        move |_, _| {
            calls.fetch_add(1, Ordering::SeqCst);
            let waited = tokio::task::block_in_place(|| shut.recv_timeout(PATIENCE));
            in_vain.fetch_or(waited == Err(RecvTimeoutError::Timeout), Ordering::SeqCst);
            Err(EngineError::Unavailable("away".into()))
        }
    });
    let api = TestApi::with_engine(engine).await;
    let id = api.connection("acme").await;
    put(&api, &id, json!({"secret": GIVEN})).await;
    let delivered = async |number: u64| {
        assert_eq!(state(deliver(&api, &id, &[("x-gitlab-token", GIVEN)], &issue(number)).await).await, "pending");
        assert!(!in_vain.load(Ordering::SeqCst), "the answer to a delivery waited for Temporal");
    };
    let told = async |times: usize| {
        let counted = async {
            while calls.load(Ordering::SeqCst) < times {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, counted).await.is_ok(), "not told {times} times");
    };
    for number in 1..=DELIVERIES {
        delivered(number).await;
    }
    told(1).await;
    drop(gate);
    // once for the first, once for those that came meanwhile
    told(2).await;
    delivered(DELIVERIES + 1).await;
    told(3).await;
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    assert_count(&api, "webhook_deliveries where state = 'pending'", DELIVERIES as i64 + 1).await;
}

use secrecy::ExposeSecret;

use crate::common::{Answer, Method, TestApi};

const PROTECTED: &[(Method, &str)] = &[
    (Method::GET, "/admin/kill-switch"),
    (Method::PUT, "/admin/kill-switch"),
    (Method::GET, "/anomalies"),
    (Method::GET, "/anomalies/01890000-0000-7000-8000-000000000001"),
    (Method::POST, "/anomalies/01890000-0000-7000-8000-000000000001/acknowledge"),
    (Method::POST, "/anomalies/01890000-0000-7000-8000-000000000001/reopen"),
    (Method::GET, "/audit-events"),
    (Method::GET, "/connections"),
    (Method::POST, "/connections"),
    (Method::DELETE, "/connections/01890000-0000-7000-8000-000000000001"),
    (Method::GET, "/connections/01890000-0000-7000-8000-000000000001"),
    (Method::PATCH, "/connections/01890000-0000-7000-8000-000000000001"),
    (Method::POST, "/connections/01890000-0000-7000-8000-000000000001/backfill"),
    (Method::GET, "/connections/01890000-0000-7000-8000-000000000001/budget"),
    (Method::POST, "/connections/01890000-0000-7000-8000-000000000001/census"),
    (Method::POST, "/connections/01890000-0000-7000-8000-000000000001/pause"),
    (Method::POST, "/connections/01890000-0000-7000-8000-000000000001/replay"),
    (Method::POST, "/connections/01890000-0000-7000-8000-000000000001/resume"),
    (Method::DELETE, "/connections/01890000-0000-7000-8000-000000000001/schedule"),
    (Method::GET, "/connections/01890000-0000-7000-8000-000000000001/schedule"),
    (Method::PUT, "/connections/01890000-0000-7000-8000-000000000001/schedule"),
    (Method::POST, "/connections/01890000-0000-7000-8000-000000000001/schedule/trigger"),
    (Method::GET, "/connections/01890000-0000-7000-8000-000000000001/streams"),
    (Method::POST, "/connections/01890000-0000-7000-8000-000000000001/sync"),
    (Method::POST, "/connections/01890000-0000-7000-8000-000000000001/test"),
    (Method::DELETE, "/connections/01890000-0000-7000-8000-000000000001/webhook"),
    (Method::GET, "/connections/01890000-0000-7000-8000-000000000001/webhook"),
    (Method::PUT, "/connections/01890000-0000-7000-8000-000000000001/webhook"),
    (Method::GET, "/connectors"),
    (Method::GET, "/dead-letters"),
    (Method::GET, "/dead-letters/counts"),
    (Method::POST, "/dead-letters/drop"),
    (Method::POST, "/dead-letters/replay"),
    (Method::GET, "/dead-letters/01890000-0000-7000-8000-000000000001"),
    (Method::GET, "/deployments"),
    (Method::GET, "/documents"),
    (Method::GET, "/events"),
    (Method::GET, "/identities"),
    (Method::GET, "/merge-requests"),
    (Method::GET, "/organisation"),
    (Method::PATCH, "/organisation"),
    (Method::GET, "/pipelines"),
    (Method::GET, "/releases"),
    (Method::GET, "/releases/01890000-0000-7000-8000-000000000001"),
    (Method::GET, "/releases/01890000-0000-7000-8000-000000000001/items"),
    (Method::GET, "/report-deliveries"),
    (Method::POST, "/report-deliveries/01890000-0000-7000-8000-000000000001/retry"),
    (Method::GET, "/report-destinations"),
    (Method::POST, "/report-destinations"),
    (Method::DELETE, "/report-destinations/01890000-0000-7000-8000-000000000001"),
    (Method::GET, "/reports"),
    (Method::GET, "/reports/01890000-0000-7000-8000-000000000001"),
    (Method::GET, "/reports/01890000-0000-7000-8000-000000000001/content"),
    (Method::GET, "/runs"),
    (Method::POST, "/runs"),
    (Method::GET, "/runs/01890000-0000-7000-8000-000000000001"),
    (Method::POST, "/runs/01890000-0000-7000-8000-000000000001/cancel"),
    (Method::GET, "/runs/01890000-0000-7000-8000-000000000001/events"),
    (Method::POST, "/runs/01890000-0000-7000-8000-000000000001/pause"),
    (Method::POST, "/runs/01890000-0000-7000-8000-000000000001/resume"),
    (Method::POST, "/runs/01890000-0000-7000-8000-000000000001/retry"),
    (Method::GET, "/schedules"),
    (Method::DELETE, "/schedules/matching"),
    (Method::GET, "/schedules/matching"),
    (Method::PUT, "/schedules/matching"),
    (Method::POST, "/schedules/matching/trigger"),
    (Method::GET, "/sprints"),
    (Method::GET, "/team/identity-mappings"),
    (Method::GET, "/team/identity-mappings/01890000-0000-7000-8000-000000000001"),
    (Method::GET, "/team/identity-mappings/conflicts"),
    (Method::GET, "/team/identity-mappings/decisions"),
    (Method::GET, "/team/identity-mappings/events"),
    (Method::GET, "/team/identity-mappings/export.csv"),
    (Method::GET, "/team/identity-mappings/stats"),
    (Method::POST, "/team/identity-mappings/bulk-confirm"),
    (Method::POST, "/team/identity-mappings/confirm"),
    (Method::POST, "/team/identity-mappings/import"),
    (Method::POST, "/team/identity-mappings/merge"),
    (Method::POST, "/team/identity-mappings/never"),
    (Method::POST, "/team/identity-mappings/preview"),
    (Method::POST, "/team/identity-mappings/remap"),
    (Method::POST, "/team/identity-mappings/split"),
    (Method::POST, "/team/identity-mappings/undo"),
    (Method::POST, "/team/import"),
    (Method::GET, "/team/kpi"),
    (Method::GET, "/team/kpi/changes"),
    (Method::GET, "/team/kpi/export.csv"),
    (Method::GET, "/team/kpi/history"),
    (Method::GET, "/team/kpi/incidents"),
    (Method::PUT, "/team/kpi/incidents/01890000-0000-7000-8000-000000000001/override"),
    (Method::DELETE, "/team/kpi/incidents/01890000-0000-7000-8000-000000000001/override"),
    (Method::GET, "/team/kpi/risks"),
    (Method::POST, "/team/kpi/risks/01890000-0000-7000-8000-000000000001/mute"),
    (Method::POST, "/team/kpi/risks/01890000-0000-7000-8000-000000000001/unmute"),
    (Method::GET, "/team/quality"),
    (Method::GET, "/team/quality/freshness/history"),
    (Method::GET, "/team/matching-config"),
    (Method::PUT, "/team/matching-config"),
    (Method::GET, "/team/matching-config/versions"),
    (Method::GET, "/team/kpi/settings"),
    (Method::PUT, "/team/kpi/settings"),
    (Method::GET, "/team/kpi/cycle_time/definition"),
    (Method::GET, "/team/kpi/cycle_time/rows"),
    (Method::GET, "/team/people"),
    (Method::GET, "/team/people/01890000-0000-7000-8000-000000000001"),
    (Method::GET, "/team/teams"),
    (Method::POST, "/team/teams"),
    (Method::GET, "/team/teams/01890000-0000-7000-8000-000000000001"),
    (Method::PATCH, "/team/teams/01890000-0000-7000-8000-000000000001"),
    (Method::GET, "/team/teams/01890000-0000-7000-8000-000000000001/members"),
    (Method::POST, "/team/teams/01890000-0000-7000-8000-000000000001/members"),
    (Method::DELETE, "/team/teams/01890000-0000-7000-8000-000000000001/members/7"),
    (Method::PATCH, "/team/teams/01890000-0000-7000-8000-000000000001/members/7"),
    (Method::GET, "/work-items"),
    (Method::GET, "/work-items/WEB-1"),
    (Method::GET, "/work-items/WEB-1/changelog"),
    (Method::GET, "/work-items/WEB-1/mentions"),
    (Method::GET, "/work-items/WEB-1/worklogs"),
];

/// The list above is the document's: a new path cannot be forgotten here.
#[test]
fn every_documented_operation_is_covered() {
    let document: serde_json::Value = serde_json::from_str(&ovia_api::openapi_document()).unwrap();
    // a delivery of a webhook proves itself with a secret of its own
    let open = ["/health", "/ready", "/metrics", "/webhooks/{connection}"];
    let mut documented = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert_eq!(operation["security"].is_array(), !open.contains(&path.as_str()), "{method} {path}");
            documented.extend((!open.contains(&path.as_str())).then(|| format!("{} {path}", method.to_uppercase())));
        }
    }
    let mut covered: Vec<_> = PROTECTED
        .iter()
        .map(|(method, path)| {
            format!(
                "{method} {}",
                path.replace("01890000-0000-7000-8000-000000000001", "{id}")
                    .replace("/schedules/matching", "/schedules/{kind}")
                    .replace("/quality/freshness", "/quality/{check}")
                    .replace("cycle_time", "{metric}")
                    .replace("WEB-1", "{key}")
                    .replace("/members/7", "/members/{membership}")
            )
        })
        .collect();
    documented.sort();
    covered.sort();
    assert_eq!(documented, covered);
}

#[tokio::test]
async fn nothing_is_said_without_a_good_token() {
    let api = TestApi::start().await;
    let revoked = api.db.store.token_create(api.org, "old").await.unwrap();
    let id = api.db.store.token_authenticate(revoked.expose_secret()).await.unwrap().unwrap().token_id;
    assert!(!api.db.store.token_revoke(api.other_org, id).await.unwrap(), "another organisation's token");
    assert!(api.db.store.token_revoke(api.org, id).await.unwrap());
    let unknown = format!("ovia_{}", "a".repeat(43));
    let bad = [
        None,
        Some("Basic b3ZpYTpvdmlh".to_owned()),
        Some("Bearer".into()),
        Some("Bearer nonsense".into()),
        Some(format!("Bearer {unknown}")),
        Some(format!("Bearer {}", revoked.expose_secret())),
        Some(api.token.clone()),
    ];
    for header in bad {
        for (method, path) in PROTECTED {
            // a bad parameter and a bad body must not be what a stranger hears about
            let request = api.client.request(method.clone(), format!("{path}?nonsense=1")).body("{");
            let request = if let Some(value) = &header { request.header("authorization", value) } else { request };
            Answer::of(request).await.problem(401, "UNAUTHENTICATED");
        }
    }
}

#[tokio::test]
async fn the_first_token_is_made_once_and_its_use_is_noted() {
    let api = TestApi::start().await;
    assert!(api.db.store.first_token_create("again").await.unwrap().is_none());
    assert_eq!(api.get("/connections").await.status, 200);
    let caller = api.db.store.token_authenticate(&api.token).await.unwrap().unwrap();
    assert_eq!((caller.org_id, caller.name.as_str()), (api.org, "first"));
}

#[tokio::test]
async fn two_processes_starting_at_once_make_one_first_token() {
    let db = ovia_store::testing::TestDatabase::create().await;
    let made = futures::future::join_all((0..8).map(|_| db.store.first_token_create("default"))).await;
    assert_eq!(made.into_iter().filter(|made| made.as_ref().unwrap().is_some()).count(), 1);
}

#[tokio::test]
async fn the_operator_finds_an_organisation_by_name_or_id() {
    let api = TestApi::start().await;
    let named = async |text: &str| api.db.store.organisations_named(text).await.unwrap();
    assert_eq!((named("other").await, named(&api.other_org.to_string()).await), (vec![api.other_org], vec![api.other_org]));
    assert!(named("nobody's").await.is_empty());
    // its tokens are its own, whatever they are called
    assert_eq!(api.db.store.token_people_set(api.other_org, "first", true).await.unwrap(), 0);
    assert_eq!(api.db.store.token_people_set(api.other_org, "other", true).await.unwrap(), 1);
    api.db.sql("insert into organisations (id, name) values (gen_random_uuid(), 'other')").await;
    assert_eq!(named("other").await.len(), 2, "a name may be of several");
}

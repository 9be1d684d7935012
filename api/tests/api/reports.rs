//! Reports, where they are sent, and what became of that.

use chrono::{DateTime, NaiveTime, Utc};
use ovia_domain::{RunId, report::ReportKind};
use ovia_store::{
    outbox::{Attempt, DueDelivery},
    reports::NewReport,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{Answer, Method, TestApi, willing_engine};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn report(kind: ReportKind, now: &str) -> NewReport {
    let (first, after) = kind.last_complete(at(now).date_naive());
    let period = (first.and_time(NaiveTime::MIN).and_utc(), after.and_time(NaiveTime::MIN).and_utc());
    NewReport {
        kind,
        period,
        time_zone: "UTC".into(),
        title: format!("{kind} report"),
        markdown: "# Report".into(),
        html: "<h1>Report</h1>".into(),
    }
}

async fn written(api: &TestApi, kind: ReportKind, now: &str) -> Option<Uuid> {
    api.db.store.report_put(api.org, RunId::generate(), &report(kind, now)).await.unwrap()
}

async fn webhook(api: &TestApi, name: &str) -> Value {
    let body = json!({"kind": "webhook", "name": name, "url": "https://hooks.example.com/ovia", "reports": ["weekly"]});
    let made = api.send(Method::POST, "/report-destinations", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()
}

/// Everything that is due, as one worker takes it.
async fn claimed(api: &TestApi) -> Vec<DueDelivery> {
    let mut due = Vec::new();
    while let Some(next) = api.db.store.outbox_claim(api.org).await.unwrap() {
        due.push(next);
    }
    due
}

#[tokio::test]
async fn a_period_has_one_report() {
    let api = TestApi::start().await;
    let first = written(&api, ReportKind::Weekly, "2026-01-14T00:00:00Z").await.unwrap();
    assert_eq!(written(&api, ReportKind::Weekly, "2026-01-18T23:00:00Z").await, None, "of the same week");
    assert!(api.db.store.report_exists(api.org, ReportKind::Weekly, at("2026-01-05T00:00:00Z")).await.unwrap());
    assert!(!api.db.store.report_exists(api.other_org, ReportKind::Weekly, at("2026-01-05T00:00:00Z")).await.unwrap());
    for now in ["2026-01-14T00:00:00Z", "2026-01-15T00:00:00Z"] {
        written(&api, ReportKind::Daily, now).await.unwrap();
    }
    for limit in [1, 2, 3] {
        let found = api.walk("/reports", limit).await;
        let starts: Vec<_> = found.iter().map(|row| (row["kind"].as_str().unwrap(), row["period_start"].as_str().unwrap())).collect();
        assert_eq!(starts, [("daily", "2026-01-14T00:00:00Z"), ("daily", "2026-01-13T00:00:00Z"), ("weekly", "2026-01-05T00:00:00Z")]);
    }
    assert_eq!(api.get("/reports?kind=weekly").await.items().len(), 1);
    api.get("/reports?kind=yearly").await.names_field("kind");
    let one = api.get(&format!("/reports/{first}")).await.json();
    assert_eq!(
        (&one["period_end"], &one["deliveries"]),
        (&json!("2026-01-12T00:00:00Z"), &json!({"pending": 0, "delivered": 0, "failed": 0}))
    );
    api.get(&format!("/reports/{}", Uuid::nil())).await.problem(404, "NOT_FOUND");
    assert!(api.as_other(Method::GET, "/reports", None).await.items().is_empty());
    for path in [format!("/reports/{first}"), format!("/reports/{first}/content")] {
        api.as_other(Method::GET, &path, None).await.problem(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn the_text_is_served_so_that_it_can_do_nothing() {
    let api = TestApi::start().await;
    let id = written(&api, ReportKind::Weekly, "2026-01-14T00:00:00Z").await.unwrap();
    let path = format!("/reports/{id}/content");
    let response = api.request(Method::GET, &path).send().await.0;
    let header = |name: &str| response.header(name).unwrap_or_default().to_owned();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert!(header("content-security-policy").starts_with("default-src 'none';"), "{}", header("content-security-policy"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("content-disposition"), "attachment; filename=\"ovia-weekly-2026-01-05.html\"");
    assert_eq!(api.get(&path).await.text, "<h1>Report</h1>");
    let markdown = api.get(&format!("{path}?format=markdown")).await;
    assert_eq!((markdown.text.as_str(), markdown.content_type.as_str()), ("# Report", "text/markdown; charset=utf-8"));
    api.get(&format!("{path}?format=pdf")).await.names_field("format");
}

#[tokio::test]
async fn a_report_goes_to_those_who_get_its_kind() {
    let api = TestApi::start().await;
    let hook = webhook(&api, "hook").await;
    let mail = json!({"kind": "email", "name": "mail", "recipients": [" ada@acme.example "]});
    let mail = api.send(Method::POST, "/report-destinations", &mail).await.json();
    assert_eq!(
        (&mail["recipients"], &mail["secret"], &mail["reports"]),
        (&json!(["ada@acme.example"]), &Value::Null, &json!(["daily", "weekly"]))
    );
    let weekly = written(&api, ReportKind::Weekly, "2026-01-14T00:00:00Z").await.unwrap();
    let daily = written(&api, ReportKind::Daily, "2026-01-14T00:00:00Z").await.unwrap();
    let of = async |query: &str| api.walk(&format!("/report-deliveries?{query}"), 1).await.len();
    assert_eq!((of(&format!("report={weekly}")).await, of(&format!("report={daily}")).await), (2, 1));
    assert_eq!(of(&format!("destination={}", hook["id"].as_str().unwrap())).await, 1);
    assert_eq!((of("status=pending").await, of("status=delivered").await), (3, 0));

    let store = &api.db.store;
    assert!(store.outbox_claim(api.other_org).await.unwrap().is_none());
    let due = claimed(&api).await;
    assert_eq!(due.len(), 3);
    let sealer = api.config.sealer.as_ref().unwrap();
    let to_hook = due.iter().find(|due| due.kind == "webhook").unwrap();
    let to = store.outbox_webhook(api.org, to_hook, sealer).unwrap().unwrap();
    assert_eq!(Some(to.secret.expose_secret()), hook["secret"].as_str(), "the one that was shown");
    assert!(store.outbox_webhook(api.other_org, to_hook, sealer).is_err(), "sealed for its organisation");

    store.outbox_settle(api.org, to_hook.id, &Attempt::Failed("the receiver answered 500".into())).await.unwrap();
    let (pending, wait) = store.outbox_pending(api.org).await.unwrap().unwrap();
    assert!(pending == 3 && (1..=5_000).contains(&wait), "{pending} {wait}");
    for due in &due {
        store.outbox_settle(api.org, due.id, &Attempt::Delivered).await.unwrap();
        store.outbox_settle(api.org, due.id, &Attempt::Failed("too late".into())).await.unwrap();
    }
    assert_eq!(store.outbox_pending(api.org).await.unwrap(), None);
    let done = api.get(&format!("/report-deliveries?report={weekly}&destination={}", hook["id"].as_str().unwrap())).await.items().remove(0);
    assert_eq!((&done["status"], &done["attempts"], &done["last_error"]), (&json!("delivered"), &json!(2), &Value::Null));
    assert_eq!((&done["next_attempt_at"], done["delivered_at"].is_string()), (&Value::Null, true));
    assert_eq!(api.get(&format!("/reports/{weekly}")).await.json()["deliveries"]["delivered"], 2);
}

#[tokio::test]
async fn a_delivery_is_given_up_and_can_be_tried_again() {
    let api = TestApi::start().await;
    let hook = webhook(&api, "hook").await;
    written(&api, ReportKind::Weekly, "2026-01-14T00:00:00Z").await.unwrap();
    let delivery = api.get("/report-deliveries").await.items().remove(0);
    let (id, path) =
        (delivery["id"].as_str().unwrap().parse().unwrap(), format!("/report-deliveries/{}/retry", delivery["id"].as_str().unwrap()));
    api.post(&path).await.problem(409, "CONFLICT");
    let store = &api.db.store;
    for attempt in 1..=12 {
        let before = api.get("/report-deliveries").await.items().remove(0);
        assert_eq!((&before["status"], &before["attempts"]), (&json!("pending"), &json!(attempt - 1)));
        store.outbox_settle(api.org, id, &Attempt::Failed("x".repeat(9_000))).await.unwrap();
    }
    let failed = api.get("/report-deliveries?status=failed").await.items().remove(0);
    assert_eq!((&failed["attempts"], failed["last_error"].as_str().unwrap().len()), (&json!(12), 500));
    let again = api.post(&path).await.json();
    assert_eq!((&again["status"], &again["attempts"]), (&json!("pending"), &json!(0)));
    assert_eq!(claimed(&api).await.len(), 1);
    store.outbox_settle(api.org, id, &Attempt::Refused("the receiver is gone (410)".into())).await.unwrap();
    assert_eq!(api.get("/report-deliveries").await.items()[0]["status"], "failed", "at once");
    api.post(&path).await.json();
    // nobody is there any more
    let destination = format!("/report-destinations/{}", hook["id"].as_str().unwrap());
    api.as_other(Method::DELETE, &destination, None).await.problem(404, "NOT_FOUND");
    assert_eq!(Answer::of(api.request(Method::DELETE, &destination)).await.status, 204);
    Answer::of(api.request(Method::DELETE, &destination)).await.problem(404, "NOT_FOUND");
    let gone = api.get("/report-deliveries").await.items().remove(0);
    assert_eq!((&gone["status"], &gone["last_error"]), (&json!("failed"), &json!("the destination was removed")));
    api.post(&path).await.problem(409, "CONFLICT");
    api.as_other(Method::POST, &path, None).await.problem(404, "NOT_FOUND");
    assert!(api.as_other(Method::GET, "/report-deliveries", None).await.items().is_empty());
    assert!(api.get("/report-destinations").await.items().is_empty());
    webhook(&api, "hook").await;
    let acts = api.get("/audit-events?subject=report_destination").await.items();
    let actions: Vec<_> = acts.iter().map(|act| act["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["report_destination.create", "report_destination.delete", "report_destination.create"]);
}

#[tokio::test]
async fn a_webhook_s_address_is_sealed_and_not_shown() {
    let api = TestApi::start().await;
    let url = "https://hooks.example.com/services/hunter2/?key=hunter2";
    let body = json!({"kind": "webhook", "name": "hook", "url": url});
    let made = api.send(Method::POST, "/report-destinations", &body).await;
    assert_eq!(made.json()["url"], "https://hooks.example.com/…");
    assert!(!api.get("/report-destinations").await.text.contains("hunter2"));
    written(&api, ReportKind::Weekly, "2026-01-14T00:00:00Z").await.unwrap();
    let due = claimed(&api).await.remove(0);
    assert!(!format!("{due:?}").contains("hunter2"));
    let (store, sealer) = (&api.db.store, api.config.sealer.as_ref().unwrap());
    let to = store.outbox_webhook(api.org, &due, sealer).unwrap().unwrap();
    assert_eq!(to.url.expose_secret(), url, "trailing slash and query are the receiver's");
    let shown = "to_jsonb(d)::text like '%https://hooks.example.com/…%' and to_jsonb(d)::text not like '%hunter2%'";
    api.db.sql(&format!("do $$ begin assert (select {shown} from report_destinations d); end $$")).await;

    // one that was made before addresses were sealed
    let old = DueDelivery { url: Some(url.to_owned()), url_sealed: None, ..due.clone() };
    assert_eq!(store.outbox_webhook(api.org, &old, sealer).unwrap().unwrap().url.expose_secret(), url);
    // what is sealed for something else does not open as an address
    let other = DueDelivery { url_sealed: due.secret_sealed.clone(), ..due };
    assert!(store.outbox_webhook(api.org, &other, sealer).is_err(), "sealed for something else");
}

#[tokio::test]
async fn each_recipient_has_a_delivery_of_its_own() {
    let api = TestApi::start().await;
    let mail = json!({"kind": "email", "name": "mail", "recipients": ["ada@acme.example", "eve@acme.example", "kim@acme.example"]});
    let mail = api.send(Method::POST, "/report-destinations", &mail).await.json();
    written(&api, ReportKind::Weekly, "2026-01-14T00:00:00Z").await.unwrap();
    let due = claimed(&api).await;
    let mut recipients: Vec<_> = due.iter().filter_map(|due| due.recipient.as_deref()).collect();
    recipients.sort_unstable();
    assert_eq!(recipients, ["ada@acme.example", "eve@acme.example", "kim@acme.example"]);
    for due in &due {
        let attempt = match due.recipient.as_deref() {
            Some("eve@acme.example") => Attempt::Refused("the SMTP server refused it (550)".into()),
            _ => Attempt::Delivered,
        };
        api.db.store.outbox_settle(api.org, due.id, &attempt).await.unwrap();
    }
    let shown = api.get("/report-deliveries?status=failed").await.items();
    assert_eq!((shown.len(), &shown[0]["recipient"]), (1, &json!("eve@acme.example")));
    assert_eq!(api.get("/reports").await.items()[0]["deliveries"], json!({"pending": 0, "delivered": 2, "failed": 1}));
    // who is forgotten is forgotten here too
    let path = format!("/report-destinations/{}", mail["id"].as_str().unwrap());
    assert_eq!(Answer::of(api.request(Method::DELETE, &path)).await.status, 204);
    assert!(!api.get("/report-deliveries").await.text.contains("eve@"));
}

#[tokio::test]
async fn what_is_claimed_is_nobody_else_s_until_the_claim_is_over() {
    let api = TestApi::start().await;
    for name in ["one", "two", "three"] {
        webhook(&api, name).await;
    }
    written(&api, ReportKind::Weekly, "2026-01-14T00:00:00Z").await.unwrap();
    // two workers share what is due
    let (mine, theirs) = tokio::join!(claimed(&api), claimed(&api));
    let ids: std::collections::BTreeSet<Uuid> = mine.iter().chain(&theirs).map(|due| due.id).collect();
    assert_eq!((mine.len() + theirs.len(), ids.len()), (3, 3), "each once");
    let (pending, wait) = api.db.store.outbox_pending(api.org).await.unwrap().unwrap();
    assert!(pending == 3 && (50_000..=60_000).contains(&wait), "{pending} {wait}");
    // whoever took them died: they are due again, under the same ids
    api.db.sql("update outbox set next_attempt_at = now() - interval '1 second'").await;
    let again: std::collections::BTreeSet<Uuid> = claimed(&api).await.iter().map(|due| due.id).collect();
    assert_eq!(again, ids);
}

#[tokio::test]
async fn what_no_worker_can_send_yet_waits_and_is_not_given_up() {
    let api = TestApi::start().await;
    webhook(&api, "hook").await;
    written(&api, ReportKind::Weekly, "2026-01-14T00:00:00Z").await.unwrap();
    let id = claimed(&api).await[0].id;
    for _ in 0..20 {
        api.db.store.outbox_settle(api.org, id, &Attempt::NotYet("no SMTP server".into())).await.unwrap();
    }
    let waiting = api.get("/report-deliveries").await.items().remove(0);
    assert_eq!(
        (&waiting["status"], &waiting["attempts"], &waiting["last_error"]),
        (&json!("pending"), &json!(0), &json!("no SMTP server"))
    );
    let (_, wait) = api.db.store.outbox_pending(api.org).await.unwrap().unwrap();
    assert!(wait > 600_000, "a run does not wait for it: {wait}");
}

#[tokio::test]
async fn a_report_written_while_its_destination_is_removed_waits_for_nobody() {
    let api = TestApi::start().await;
    for turn in 0..8 {
        let hook = webhook(&api, "hook").await;
        let id = hook["id"].as_str().unwrap().parse().unwrap();
        let now = format!("2026-02-{:02}T00:00:00Z", 1 + turn);
        let new = NewReport { period: (at(&now), at(&now) + chrono::Days::new(7)), ..report(ReportKind::Weekly, &now) };
        let store = &api.db.store;
        let (put, removed) =
            tokio::join!(store.report_put(api.org, RunId::generate(), &new), store.destination_delete(api.org, id, "token:first"));
        assert!(put.unwrap().is_some() && removed.unwrap());
        assert_eq!(api.db.store.outbox_pending(api.org).await.unwrap(), None);
        assert!(api.get("/report-deliveries?status=pending").await.items().is_empty(), "turn {turn}");
    }
}

#[tokio::test]
async fn destinations_that_cannot_be() {
    let api = TestApi::configured(willing_engine(), |config| config.allow_private_addresses = false).await;
    let hook = |field: &str, value: Value| {
        let mut body = json!({"kind": "webhook", "name": "hook", "url": "https://hooks.example.com"});
        body[field] = value;
        body
    };
    let mail = |recipients: Value| json!({"kind": "email", "name": "mail", "recipients": recipients});
    for (body, field) in [
        (hook("name", json!(" ")), "name"),
        (hook("url", json!("ftp://hooks.example.com")), "url"),
        (hook("url", json!("http://127.0.0.1:9")), "url"),
        (hook("url", json!("http://169.254.169.254/latest")), "url"),
        (hook("url", json!("https://u:p@hooks.example.com")), "url"),
        (hook("url", Value::Null), "url"),
        (hook("secret", json!("short")), "secret"),
        (hook("secret", json!("whsec_not base64 at all")), "secret"),
        (hook("secret", json!("0123456789abcdef0123456789abcdef")), "secret"),
        (hook("secret", json!("whsec_MDEyMzQ1Njc4OWFiY2RlZg==")), "secret"),
        (hook("url", json!("https://hooks.example.com/#here")), "url"),
        (hook("recipients", json!(["a@b.example"])), "recipients"),
        (hook("reports", json!([])), "reports"),
        (hook("kind", json!("fax")), "kind"),
        (mail(json!([])), "recipients"),
        (mail(json!(["ada@acme.example", "ada"])), "recipients[1]"),
        (mail(json!(["ada@acme..example"])), "recipients[0]"),
        (mail(json!(["ada@acme.example", "Ada@acme.example"])), "recipients[1]"),
        (mail(json!(["ada@acme.example>\r\nBcc: x@y.example"])), "recipients[0]"),
        (json!({"kind": "email", "name": "mail", "url": "https://x.example", "recipients": ["a@b.example"]}), "url"),
    ] {
        api.send(Method::POST, "/report-destinations", &body).await.names_field(field);
    }
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let given = api.send(Method::POST, "/report-destinations", &hook("secret", json!(secret))).await;
    assert_eq!((given.status.as_u16(), given.text.contains(secret)), (201, false), "{}", given.text);
    api.send(Method::POST, "/report-destinations", &hook("name", json!("hook"))).await.problem(409, "CONFLICT");
    assert!(!api.get("/report-destinations").await.text.contains("whsec_"));
    assert!(api.as_other(Method::GET, "/report-destinations", None).await.items().is_empty());
}

#[tokio::test]
async fn runs_of_reports_and_checks_are_started() {
    let api = TestApi::start().await;
    let start = async |body: Value| api.send(Method::POST, "/runs", &body).await;
    let run = start(json!({"kind": "report", "period": "weekly", "as_of": "2026-01-14"})).await;
    assert_eq!(run.status, 202, "{}", run.text);
    assert_eq!(run.json()["params"], json!({"period": "weekly", "as_of": "2026-01-14T00:00:00Z"}));
    start(json!({"kind": "report"})).await.problem(409, "CONFLICT");
    assert_eq!(start(json!({"kind": "quality"})).await.status, 202);
    start(json!({"kind": "kpi_rollup", "period": "weekly"})).await.names_field("period");
    for kind in ["quality", "matching", "retention"] {
        start(json!({"kind": kind, "as_of": "2026-01-14"})).await.names_field("as_of");
    }
    start(json!({"kind": "report", "period": "yearly"})).await.names_field("period");
    for kind in ["quality", "report"] {
        let put = api.send(Method::PUT, &format!("/schedules/{kind}"), &json!({"interval": "1day"})).await;
        assert_eq!(put.status, 200, "{}", put.text);
    }
}

#[tokio::test]
async fn series_are_of_what_was_over_by_then() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let org = api.org;
    api.db
        .sql(&format!(
            "insert into projects (org_id, connection_id, external_id, name, full_path, archived) values
                ('{org}', '{connection}', '10', 'web', 'acme/web', false);
            insert into kpi_snapshots (org_id, metric, definition_version, scope_kind, scope_id, window_kind, window_start, window_end, value,
                unit, row_table, identity_epoch, run_id)
                select '{org}', 'merge_throughput', v, s.kind, s.id, 'week', timestamptz '2026-01-05Z' + w * interval '7 days',
                    timestamptz '2026-01-12Z' + w * interval '7 days', case when w = 1 then null else w + 10 * v end, 'count', 'merge_requests', 0,
                    gen_random_uuid()
                from generate_series(0, 3) w, generate_series(1, 2) v,
                    (values ('organisation', ''), ('project', '{connection}:10'), ('project', '{connection}:11')) as s (kind, id)"
        ))
        .await;
    let series = api.db.store.report_series(api.org, "week", at("2026-01-26T00:00:00Z"), 12).await.unwrap();
    let found: Vec<_> = series.iter().map(|one| (one.project.as_deref(), one.values.clone())).collect();
    let values = vec![Some(20.0), None, Some(22.0)];
    assert_eq!(found, [(None, values.clone()), (Some("acme/web"), values)], "a project that is not known has no name");
    assert_eq!(series[0].starts[0], at("2026-01-05T00:00:00Z"));
    let last = api.db.store.report_series(api.org, "week", at("2026-01-26T00:00:00Z"), 1).await.unwrap();
    assert_eq!(last[0].values, [Some(22.0)]);
    let three = api.db.store.report_series(api.org, "week", at("2026-02-09T00:00:00Z"), 3).await.unwrap();
    assert_eq!(three[0].values, [Some(22.0), Some(23.0)], "of the last three weeks, however few have figures");
    assert!(api.db.store.report_series(api.other_org, "week", at("2026-01-26T00:00:00Z"), 12).await.unwrap().is_empty());
}

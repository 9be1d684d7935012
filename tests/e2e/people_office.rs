//! An office that works on who is who: the demo company with code host and tracker, synced, matched and measured.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use ovia_demo::{CompanySize, DemoServer, JiraServer, ServerOptions};
use ovia_domain::OrgId;
use ovia_tests::{Http, TestApp, eventually};
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{atlassian, demo};

pub const MAPPINGS: &str = "/team/identity-mappings";

pub struct Office {
    pub app: TestApp,
    _gitlab: DemoServer,
    _jira: JiraServer,
}

impl Office {
    pub async fn open() -> Self {
        let company = demo::company(CompanySize::small());
        let server = ServerOptions { token: demo::TOKEN.into(), ..ServerOptions::default() };
        let jira = JiraServer::start(&company, atlassian::options(Tz::UTC)).unwrap();
        let gitlab = DemoServer::start(company, server).unwrap();
        let app = TestApp::start().await;
        for connection in [demo::connect(&app, &gitlab).await, atlassian::connect_jira(&app, &jira).await] {
            let run = app.sync(&connection).await;
            assert_eq!(run["status"], "succeeded", "{run}");
            app.follow_ups_end(run["id"].as_str().unwrap()).await;
        }
        Self { app, _gitlab: gitlab, _jira: jira }
    }

    /// The mapping of the account of a source with this user name, or display name where it has no user name.
    pub async fn mapping(&self, source: &str, name: &str) -> Value {
        let found = self.app.http.get_all(&format!("{MAPPINGS}?source={source}")).await;
        let called = |row: &Value| row["identity"]["username"] == name || row["identity"]["display_name"] == name;
        found.into_iter().find(called).unwrap_or_else(|| panic!("{source} has no account {name}"))
    }

    /// Who everybody is: person, status, how sure, and who else it could be, by account. Versions and times are left out. Who waits for a
    /// decision is with a person that counts for nothing, and may be with a new one when a run had joined it meanwhile: of these it is said
    /// with whom.
    pub async fn standing(&self) -> BTreeMap<String, Value> {
        let rows = self.app.http.get_all(MAPPINGS).await;
        let stands = |row: &Value| {
            let candidates: Vec<&Value> = row["candidates"].as_array().unwrap().iter().map(|one| &one["identity_id"]).collect();
            let others = rows.iter().filter(|other| other["person"]["id"] == row["person"]["id"]);
            let person = match row["status"] == "conflict" {
                true => json!(others.map(|other| text(&other["identity"]["id"])).collect::<BTreeSet<_>>()),
                false => row["person"]["id"].clone(),
            };
            json!({"person": person, "status": row["status"], "confidence": row["confidence"], "rule": row["rule"],
                "candidates": candidates, "decided_by": row["decided_by"], "reason": row["reason"]})
        };
        rows.iter().map(|row| (text(&row["identity"]["id"]), stands(row))).collect()
    }

    pub async fn person(&self, id: &Value) -> Value {
        self.app.http.get(&format!("/team/people/{}", text(id))).await
    }

    /// Decides, and waits for what follows: a matching run, then figures.
    pub async fn decide(&self, verb: &str, body: Value) -> Value {
        let (status, decided) = self.app.http.post(&format!("{MAPPINGS}/{verb}"), body).await;
        assert_eq!(status, StatusCode::OK, "{verb}: {decided}");
        self.quiet().await;
        decided
    }

    /// Takes decisions back, the last first, and waits for what follows.
    pub async fn undo_all(&self, decisions: &[&Value]) {
        for decision in decisions.iter().rev() {
            let (status, undone) = self.app.http.post(&format!("{MAPPINGS}/undo"), json!({"decision_id": decision})).await;
            assert_eq!(status, StatusCode::OK, "{undone}");
        }
        self.quiet().await;
    }

    pub async fn undo(&self, decision: &Value) -> Value {
        self.decide("undo", json!({"decision_id": decision})).await
    }

    /// A decision that is not taken; the problem, which says what to do.
    pub async fn refused(&self, verb: &str, body: Value, status: u16, code: &str) -> Value {
        refused_by(&self.app.http, Method::POST, &format!("{MAPPINGS}/{verb}"), Some(body), status, code).await
    }

    /// Waits until every matching run has ended well and been followed by figures that ended well too.
    pub async fn quiet(&self) {
        eventually("all runs to end", 60, async || {
            let runs = self.app.http.get_all("/runs").await;
            let is_open = |run: &Value| ["queued", "starting", "running", "cancelling"].iter().any(|status| run["status"] == *status);
            let follows = |run: &Value| runs.iter().any(|next| next["kind"] == "kpi_rollup" && next["parent_run_id"] == run["id"]);
            let needs = |run: &&Value| run["kind"] == "matching" && run["result"]["preview"] != true;
            let done = !runs.iter().any(is_open) && runs.iter().filter(needs).all(follows);
            if done {
                let wrong: Vec<&Value> = runs.iter().filter(|run| run["status"] != "succeeded" && run["status"] != "skipped").collect();
                assert!(wrong.is_empty(), "{wrong:?}");
            }
            done.then_some(())
        })
        .await;
    }

    /// A second token of the organisation, or one of another organisation.
    pub async fn colleague(&self, name: &str) -> Http {
        self.token(self.app.org, name).await
    }

    pub async fn stranger(&self) -> Http {
        let org = OrgId::generate();
        self.app.database.sql(&format!("insert into organisations (id, name) values ('{org}', 'elsewhere')")).await;
        self.token(org, "stranger").await
    }

    async fn token(&self, org: OrgId, name: &str) -> Http {
        let token = self.app.store.token_create(org, name).await.unwrap();
        Http::new(self.app.http.base.clone(), token.expose_secret().to_owned())
    }
}

/// A request that is answered with a problem; the problem.
pub async fn refused_by(http: &Http, method: Method, path: &str, body: Option<Value>, status: u16, code: &str) -> Value {
    let (answered, problem) = http.send(method, path, body).await;
    assert_eq!((answered.as_u16(), &problem["code"]), (status, &json!(code)), "{path}: {problem}");
    for field in ["detail", "hint"] {
        assert!(problem[field].as_str().is_some_and(|sentence| !sentence.is_empty()), "{path}: {problem}");
    }
    problem
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text")).to_owned()
}

/// Fails with the accounts that are somebody else's, or otherwise, than before; not with all there are.
#[track_caller]
pub fn assert_stands(now: &BTreeMap<String, Value>, before: &BTreeMap<String, Value>, when: &str) {
    let of = |rows: &BTreeMap<String, Value>, others: &BTreeMap<String, Value>| -> Vec<String> {
        rows.iter().filter(|(id, row)| others.get(*id) != Some(*row)).map(|(id, row)| format!("{id}: {row}")).collect()
    };
    let (news, gone) = (of(now, before), of(before, now));
    assert!(news.is_empty() && gone.is_empty(), "{when}\nnow {news:#?}\nbefore {gone:#?}");
}

/// The accounts of a person as `GET /team/people/{id}` has them, by id.
pub fn accounts(person: &Value) -> Vec<String> {
    let mut ids: Vec<String> = person["accounts"].as_array().unwrap().iter().map(|row| text(&row["identity"]["id"])).collect();
    ids.sort_unstable();
    ids
}

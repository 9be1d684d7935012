//! A small company with namesakes, second accounts and a service account.

use std::collections::{BTreeMap, BTreeSet};

use ovia_activities::match_identities::{Matched, Matchers, run_matching};
use ovia_domain::{OrgId, RunId, RunKind, RunStatus};
use ovia_store::{Store, decisions::Decider, runs::NewRun, testing::TestDatabase};
use serde_json::{Value, json};
use sqlx::Row;
use uuid::Uuid;

use crate::model::{Link, Status};

pub struct Company {
    db: TestDatabase,
    pub org: OrgId,
    pub matchers: Matchers,
    pub accounts: Vec<Uuid>,
    connections: [Uuid; 2],
}

const NAMES: [&str; 8] = [
    "Adela Norgate", "Bertil Quaife", "Cosima Varley", "Dorin Eastlake", "Elvira Thorn", "Fabian Okonjo", "Greta Lindqvist", "Hamo Pell",
];

/// What the tables say, as the model has it.
#[derive(Debug, PartialEq)]
pub struct State {
    pub links: BTreeMap<Uuid, Link>,
    pub never: BTreeSet<(Uuid, Uuid)>,
    pub rejected: BTreeSet<(Uuid, Uuid)>,
    /// Not retired.
    pub people: BTreeSet<Uuid>,
}

impl Company {
    pub async fn new() -> Self {
        let db = TestDatabase::create().await;
        let (org, _) = db.store.first_token_create("Acme").await.unwrap().unwrap();
        let connections = [Uuid::new_v4(), Uuid::new_v4()];
        for (id, source) in connections.iter().zip(["gitlab", "jira"]) {
            db.sql(&format!(
                "insert into connections (id, org_id, source, name, base_url, settings, credentials_sealed, credentials_key_id)
                values ('{id}', '{org}', '{source}', '{source}', 'https://{source}.test', '{{}}', '', '')"
            ))
            .await;
        }
        let mut company = Self { db, org, matchers: Matchers::default(), accounts: Vec::new(), connections };
        for (n, name) in NAMES.iter().enumerate() {
            let login = name.split(' ').next().unwrap_or_default().to_lowercase();
            company.account(0, &format!("{login}.{n}"), name, Some(&format!("{login}@acme.test")), false).await;
            company.account(1, &format!("u{n}"), name, Some(&format!("{login}@acme.test")), false).await;
            if n % 2 == 0 {
                // another human of that name, or a second account: somebody has to say
                company.account(0, &format!("x{n}x"), name, Some(&format!("office{n}@acme.test")), false).await;
            }
            if n % 3 == 0 {
                company.account(1, &format!("q{n}"), &format!("Visitor {n}"), None, false).await;
            }
        }
        company.account(0, "deploy-bot", "Deploy Bot", None, true).await;
        company
    }

    pub async fn account(&mut self, connection: usize, login: &str, name: &str, email: Option<&str>, bot: bool) -> Uuid {
        let id = Uuid::from_u128(0xA0_0000 + self.accounts.len() as u128);
        let (connection, source) = (self.connections[connection], ["gitlab", "jira"][connection]);
        let email = email.map_or("null".to_owned(), |email| format!("'{email}'"));
        self.db
            .sql(&format!(
                "insert into identities (id, org_id, connection_id, source, external_id, username, display_name, email, is_bot)
                values ('{id}', '{}', '{connection}', '{source}', '{login}', '{login}', '{name}', {email}, {bot})",
                self.org
            ))
            .await;
        self.accounts.push(id);
        id
    }

    pub fn store(&self) -> &Store {
        &self.db.store
    }

    pub async fn sql(&self, statements: &str) {
        self.db.sql(statements).await;
    }

    pub fn by(&self) -> Decider {
        Decider { actor: "token:ops".into(), reason: None, follow_up: self.new_run(json!({})) }
    }

    pub fn new_run(&self, params: Value) -> NewRun {
        let run_id = RunId::generate();
        NewRun {
            org_id: self.org,
            run_id,
            kind: RunKind::Matching,
            connection_id: None,
            source: None,
            requested_by: "token:ops".into(),
            params,
            parent_run_id: None,
            retry_of: None,
            workflow_id: format!("matching/{}/{run_id}", self.org),
        }
    }

    /// A run that is running.
    pub async fn begin(&self) -> RunId {
        let run = self.new_run(json!({}));
        let id = run.run_id;
        self.store().run_create(run).await.unwrap();
        self.store().run_begin(self.org, id, &[], &[]).await.unwrap();
        id
    }

    /// A whole matching run; its result.
    pub async fn matched(&self) -> Value {
        let run = self.begin().await;
        let matched = run_matching(self.store(), &self.matchers, self.org, run).await.unwrap();
        let Matched::Done(result) = matched else { panic!("{matched:?}") };
        self.store().run_finish(self.org, run, RunStatus::Succeeded, None, None).await.unwrap();
        result
    }

    pub async fn state(&self) -> State {
        let pool = self.store().pool();
        let rows = sqlx::query(
            "select identity_id, person_id, status, confidence, candidates from person_identity_links
            where status in ('auto', 'conflict', 'confirmed')",
        );
        let link = |row: &sqlx::postgres::PgRow| {
            let candidates: Value = row.get("candidates");
            let candidates = candidates.as_array().unwrap().iter().map(|one| one["identity"].as_str().unwrap().parse().unwrap());
            let status = match row.get::<&str, _>("status") {
                "auto" => Status::Auto,
                "conflict" => Status::Conflict,
                _ => Status::Confirmed,
            };
            let link = Link { person: row.get("person_id"), status, confidence: row.get("confidence"), candidates: candidates.collect() };
            (row.get("identity_id"), link)
        };
        let links = rows.fetch_all(pool).await.unwrap().iter().map(link).collect();
        let pairs = async |query: &'static str| -> BTreeSet<(Uuid, Uuid)> {
            sqlx::query_as(query).fetch_all(pool).await.unwrap().into_iter().collect()
        };
        let people: Vec<(Uuid,)> = sqlx::query_as("select id from people where retired_at is null").fetch_all(pool).await.unwrap();
        State {
            links,
            never: pairs("select a, b from never_together").await,
            rejected: pairs("select identity_id, person_id from person_identity_links where status = 'rejected'").await,
            people: people.into_iter().map(|row| row.0).collect(),
        }
    }
}

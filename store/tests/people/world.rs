//! An organisation with accounts, links as a run would have written them, and a look at everything.

use std::collections::BTreeMap;

use ovia_domain::{IdentityId, OrgId, PersonId, RunId, RunKind};
use ovia_store::{
    Store,
    decisions::{AccountSeen, Decided, Decider, Decision, DecisionError, PersonSeen},
    links::{LinkCandidate, LinkStatus, LinkWrite},
    matching::{BatchOutcome, MatchingBy, PersonWrite},
    runs::NewRun,
    testing::{TestDatabase, new_run},
};
use serde_json::{Value, json};
use uuid::Uuid;

pub struct World {
    pub db: TestDatabase,
    pub org: OrgId,
    pub connection: Uuid,
}

/// Accounts are known by small numbers.
pub fn account(n: u128) -> IdentityId {
    IdentityId(Uuid::from_u128(0xA0_0000 + n))
}

/// People, too.
pub fn person(n: u128) -> PersonId {
    PersonId(Uuid::from_u128(0xB0_0000 + n))
}

pub fn seen(n: u128) -> AccountSeen {
    AccountSeen { identity: account(n), expected_version: None }
}

pub fn person_seen(n: u128) -> PersonSeen {
    PersonSeen { person: person(n), expected_version: None }
}

impl World {
    /// With accounts 1 to `accounts`, not linked yet.
    pub async fn new(accounts: u128) -> Self {
        let db = TestDatabase::create().await;
        let (org, _) = db.store.first_token_create("Acme").await.expect("a token").expect("the first");
        let connection = Uuid::new_v4();
        let world = Self { db, org, connection };
        world.connection_insert(org, connection).await;
        for n in 1..=accounts {
            world.account_insert(org, connection, account(n), &format!("user{n}")).await;
        }
        world
    }

    pub fn store(&self) -> &Store {
        &self.db.store
    }

    pub async fn connection_insert(&self, org: OrgId, id: Uuid) {
        self.db
            .sql(&format!(
                "insert into connections (id, org_id, source, name, base_url, settings, credentials_sealed, credentials_key_id)
                values ('{id}', '{org}', 'gitlab', 'work {id}', 'https://gitlab.test', '{{}}', '', '')"
            ))
            .await;
    }

    pub async fn account_insert(&self, org: OrgId, connection: Uuid, id: IdentityId, name: &str) {
        self.db
            .sql(&format!(
                "insert into identities (id, org_id, connection_id, source, external_id, username, email)
                values ('{id}', '{org}', '{connection}', 'gitlab', '{id}', '{name}', '{name}@acme.test')"
            ))
            .await;
    }

    /// A run that is running.
    pub async fn run(&self) -> RunId {
        let run = self.new_run();
        let id = run.run_id;
        self.store().run_create(run).await.expect("a run");
        self.store().run_begin(self.org, id, &[], &[]).await.expect("begun");
        id
    }

    pub fn new_run(&self) -> NewRun {
        new_run(self.org, RunKind::Matching)
    }

    pub fn by(&self, name: &str) -> Decider {
        Decider { actor: format!("token:{name}"), reason: Some("known to the team".into()), follow_up: self.new_run() }
    }

    /// Links as a run writes them.
    pub async fn link(&self, links: &[LinkWrite]) -> BatchOutcome {
        let read = self.store().matching_read(self.org).await.expect("read");
        let by = MatchingBy { run: self.run().await, rule_set_version: 2, config_version: 0 };
        let mut people: BTreeMap<Uuid, PersonWrite> = BTreeMap::new();
        for link in links {
            let display_name = format!("Person {}", link.person_id);
            people.insert(link.person_id, PersonWrite { id: link.person_id, display_name, primary_email: None, is_bot: false });
        }
        let people: Vec<PersonWrite> = people.into_values().collect();
        self.store().matching_apply(self.org, by, read.identity_epoch, &people, links).await.expect("written")
    }

    /// Accounts linked by rules: (account, person).
    pub async fn auto(&self, links: &[(u128, u128)]) {
        let links: Vec<LinkWrite> = links.iter().map(|(a, p)| link(*a, *p, LinkStatus::Auto, &[])).collect();
        assert!(matches!(self.link(&links).await, BatchOutcome::Written(_)));
    }

    /// An account in conflict, with a person of its own.
    pub async fn conflict(&self, account: u128, own: u128, candidates: &[u128]) {
        assert!(matches!(self.link(&[link(account, own, LinkStatus::Conflict, candidates)]).await, BatchOutcome::Written(_)));
    }

    pub async fn decide(&self, decision: Decision) -> Result<Decided, DecisionError> {
        self.store().decide(self.org, &self.by("ops"), &decision).await
    }

    /// Status and person of an account's current link.
    pub async fn link_of(&self, n: u128) -> Option<(String, PersonId)> {
        let row = self.store().mapping_fetch(self.org, account(n)).await.expect("read");
        row.map(|row| (row.status, PersonId(row.person_id)))
    }

    pub async fn is_retired(&self, person: PersonId) -> bool {
        self.store().person_head(self.org, person).await.expect("read").expect("the person").retired_at.is_some()
    }

    pub async fn json(&self, query: &'static str) -> Value {
        let row: (Option<Value>,) =
            sqlx::query_as(query).fetch_one(self.store().pool()).await.unwrap_or_else(|error| panic!("{query}: {error}"));
        row.0.unwrap_or_default()
    }

    /// Every row of every table that a decision may touch, with everything that is in it.
    pub async fn everything(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for query in [
            "select jsonb_agg(to_jsonb(t) order by t.id) from people t",
            "select jsonb_agg(to_jsonb(t) order by t.id) from person_identity_links t",
            "select jsonb_agg(to_jsonb(t) order by t.id) from identity_decisions t",
            "select jsonb_agg(to_jsonb(t) order by t.a, t.b, t.decision_id) from never_together t",
            "select jsonb_agg(to_jsonb(t) order by t.id) from identity_events t",
            "select jsonb_agg(to_jsonb(t) order by t.id) from changed_people t",
            "select jsonb_agg(to_jsonb(t) order by t.id) from team_memberships t",
            "select jsonb_agg(to_jsonb(t) order by t.id) from organisations t",
            "select jsonb_agg(to_jsonb(t) order by t.id) from audit_events t",
            "select jsonb_agg(to_jsonb(t) order by t.id) from runs t",
            "select jsonb_agg(to_jsonb(t) order by t.id) from run_events t",
        ] {
            all.push(self.json(query).await);
        }
        all
    }

    /// What holds: current links row for row, refusals, pairs, who is there, who is in which team. Without versions and times, and without
    /// what is history.
    pub async fn state(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for query in [
            "select jsonb_agg(to_jsonb(t) - 'version' - 'updated_at' order by t.id) from person_identity_links t
            where status in ('auto', 'conflict', 'confirmed')",
            "select jsonb_agg(distinct jsonb_build_array(identity_id, person_id)) from person_identity_links where status = 'rejected'",
            "select jsonb_agg(distinct jsonb_build_array(a, b)) from never_together",
            "select jsonb_agg(to_jsonb(t) - 'version' - 'updated_at' order by t.id) from people t where retired_at is null",
            "select jsonb_agg(to_jsonb(t) - 'updated_at' order by t.id) from team_memberships t",
        ] {
            all.push(self.json(query).await);
        }
        all
    }
}

pub fn link(n: u128, of: u128, status: LinkStatus, candidates: &[u128]) -> LinkWrite {
    let candidate = |n: &u128| LinkCandidate { identity: account(*n).0, confidence: 0.7, trace: json!([]) };
    LinkWrite {
        identity_id: account(n).0,
        person_id: person(of).0,
        status,
        confidence: 0.95,
        rule: "exact e-mail".into(),
        trace: json!([{"rule": "exact e-mail", "family": "e-mail", "detail": "same e-mail", "with": null, "log_odds": 4.0}]),
        sentence: "Same e-mail.".into(),
        candidates: candidates.iter().map(candidate).collect(),
        nearly: None,
        contradicts: json!([]),
    }
}

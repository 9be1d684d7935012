//! The demo company with code host and tracker, who is who as the company knows it, teams that change, and figures of everybody.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use ovia_demo::{Company, CompanyOptions, CompanySize, DemoServer, JiraServer, KpiPerson, KpiQuestion, KpiStay, KpiTeam, ServerOptions};
use ovia_domain::{IdentityId, PersonId, RunKind};
use ovia_store::{
    decisions::{AccountSeen, Decided, Decider, Decision, DecisionError, RemapTo},
    testing::new_run,
};
use ovia_tests::TestApp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::FromRow;
use uuid::Uuid;

use crate::{atlassian, demo};

/// Incidents are put down to deployments at most this many hours before them.
const ATTRIBUTION_HOURS: i64 = 60;

pub struct World {
    pub app: TestApp,
    pub company: Company,
    pub question: KpiQuestion,
    _gitlab: DemoServer,
    _jira: JiraServer,
}

/// An account, and whose it certainly is.
#[derive(Clone, Debug, FromRow)]
pub struct Account {
    pub id: Uuid,
    pub external_id: String,
    pub person_id: Option<Uuid>,
    pub is_bot: bool,
}

impl World {
    /// Everything synced, decided and set; no figures yet.
    pub async fn start(time_zone: Tz, days: Vec<NaiveDate>) -> Self {
        let options = CompanyOptions { seed: 7, as_of: demo::as_of(), size: CompanySize::small() };
        let company = Company::generate(&options).with_failures();
        let server = ServerOptions { token: demo::TOKEN.into(), ..ServerOptions::default() };
        let gitlab = DemoServer::start(company.clone(), server).unwrap();
        let jira = JiraServer::start(&company, atlassian::options(Tz::UTC)).unwrap();
        let app = TestApp::start().await;
        for connection in [demo::connect(&app, &gitlab).await, atlassian::connect_jira(&app, &jira).await] {
            let run = app.sync(&connection).await;
            assert_eq!(run["status"], "succeeded", "{run}");
            app.follow_ups_end(run["id"].as_str().unwrap()).await;
        }
        let services = BTreeMap::from([("payments".to_owned(), vec![company.project_paths()[0].clone()])]);
        let question = KpiQuestion {
            time_zone,
            jira: true,
            days,
            attribution_window_hours: ATTRIBUTION_HOURS,
            services,
            ..KpiQuestion::at(demo::as_of())
        };
        let mut world = Self { app, company, question, _gitlab: gitlab, _jira: jira };
        world.settle_people().await;
        world.teams().await;
        world.settings().await;
        world.forget().await;
        world.learn_people().await;
        world
    }

    /// Accounts of one human to one person, those of two to two: by decisions, wherever matching left it otherwise.
    async fn settle_people(&self) {
        for human in self.company.people_across() {
            let own: BTreeSet<String> = human.gitlab.iter().chain(&human.atlassian).cloned().collect();
            let accounts = self.accounts().await;
            let (mine, others): (Vec<&Account>, Vec<&Account>) = accounts.iter().partition(|account| own.contains(&account.external_id));
            let alone = |person: &Uuid| others.iter().all(|other| other.person_id != Some(*person));
            let mut person = mine.iter().filter_map(|account| account.person_id).find(alone).map(PersonId);
            for account in mine {
                let seen = AccountSeen { identity: IdentityId(account.id), expected_version: None };
                let decision = match person {
                    Some(person) if account.person_id == Some(person.0) => continue,
                    Some(person) if account.person_id.is_none() => Decision::Confirm { account: seen, person },
                    Some(person) => Decision::Remap { account: seen, to: RemapTo::Person(person) },
                    None => Decision::Remap { account: seen, to: RemapTo::New { display_name: None } },
                };
                let decided = self.decide(&decision).await.unwrap_or_else(|error| panic!("{decision:?}: {error}"));
                person = person.or(decided.person);
            }
        }
    }

    pub async fn accounts(&self) -> Vec<Account> {
        let sql = "select i.id, i.external_id, l.person_id, coalesce(p.is_bot, false) as is_bot
            from identities i
            left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'confirmed')
            left join people p on p.id = l.person_id
            order by i.external_id";
        sqlx::query_as(sql).fetch_all(self.app.store.pool()).await.unwrap()
    }

    /// Decides without a run of the matcher after it.
    pub async fn decide(&self, decision: &Decision) -> Result<Decided, DecisionError> {
        let by = Decider { actor: "token:test".into(), reason: None, follow_up: new_run(self.app.org, RunKind::Matching) };
        let decided = self.app.store.decide(self.app.org, &by, decision).await?;
        self.app.database.sql("update runs set status = 'cancelled', ended_at = now() where kind = 'matching' and status = 'queued'").await;
        Ok(decided)
    }

    /// Three teams: everybody is in one; every other one changes team in the middle of the year; some are in two.
    async fn teams(&mut self) {
        let mut teams = Vec::new();
        for name in ["North", "South", "East"] {
            let (status, team) = self.app.http.post("/team/teams", json!({"name": name})).await;
            assert_eq!(status, StatusCode::CREATED, "{team}");
            teams.push(KpiTeam { id: team["id"].as_str().unwrap().to_owned(), stays: Vec::new() });
        }
        let accounts = self.accounts().await;
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (n, human) in self.company.people_across().iter().enumerate() {
            let Some(person) = accounts.iter().find(|account| human.gitlab.contains(&account.external_id)).and_then(|one| one.person_id)
            else {
                continue;
            };
            let moved = (n % 2 == 0).then(|| day("2025-10-20") + Days::new(2 * n as u64));
            let mut stays = vec![(n % 3, day("2025-04-01") + Days::new(9 * n as u64), moved)];
            stays.extend(moved.map(|moved| ((n + 1) % 3, moved, None)));
            if n % 5 == 0 {
                stays.push(((n + 2) % 3, day("2025-01-01"), Some(day("2026-02-10"))));
            }
            for (team, from, until) in stays {
                let path = format!("/team/teams/{}/members", teams[team].id);
                let (status, body) = self.app.http.post(&path, json!({"person_id": person, "from": from, "until": until})).await;
                assert_eq!(status, StatusCode::CREATED, "{body}");
                teams[team].stays.push(KpiStay { person: person.to_string(), from, until });
            }
        }
        self.question.teams = teams;
    }

    async fn settings(&self) {
        let settings = json!({
            "time_zone": self.question.time_zone.name(), "attribution_window_hours": ATTRIBUTION_HOURS, "services": self.question.services,
        });
        let body = json!({"settings": settings, "person_level": true});
        let (status, set) = self.app.http.send(Method::PUT, "/team/kpi/settings", Some(body)).await;
        assert_eq!(status, StatusCode::OK, "{set}");
        if let Some(run) = set["run_id"].as_str() {
            self.app.run_end(run, 180).await;
        }
    }

    /// Whom the truth is asked about: people, and who is in which team, as they are stored now.
    pub async fn learn_people(&mut self) {
        let mut people: BTreeMap<Uuid, KpiPerson> = BTreeMap::new();
        for account in self.accounts().await {
            let Some(id) = account.person_id else { continue };
            let new = || KpiPerson { id: id.to_string(), accounts: Vec::new(), is_bot: account.is_bot };
            people.entry(id).or_insert_with(new).accounts.push(account.external_id);
        }
        self.question.people = people.into_values().collect();
        let sql = "select team_id, person_id, from_date, until_date from team_memberships";
        let stays: Vec<(Uuid, Uuid, NaiveDate, Option<NaiveDate>)> = sqlx::query_as(sql).fetch_all(self.app.store.pool()).await.unwrap();
        for team in &mut self.question.teams {
            let own = stays.iter().filter(|stay| stay.0.to_string() == team.id);
            team.stays = own.map(|stay| KpiStay { person: stay.1.to_string(), from: stay.2, until: stay.3 }).collect();
        }
    }

    /// Everybody is who the company says they are.
    pub async fn people_are_who_they_are(&self) {
        let accounts = self.accounts().await;
        for human in self.company.people_across() {
            let own: BTreeSet<&String> = human.gitlab.iter().chain(&human.atlassian).collect();
            let mine: Vec<&Account> = accounts.iter().filter(|account| own.contains(&account.external_id)).collect();
            let people: BTreeSet<Option<Uuid>> = mine.iter().map(|account| account.person_id).collect();
            assert!(people.len() == 1 && !people.contains(&None), "{human:?} is {people:?}");
            let together: BTreeSet<&String> =
                accounts.iter().filter(|one| people.contains(&one.person_id)).map(|one| &one.external_id).collect();
            assert!(together.is_subset(&own), "{human:?} has accounts of others: {together:?}");
            assert!(mine.iter().all(|account| !account.is_bot), "{human:?} is no bot");
        }
    }

    /// As if there had never been a rollup.
    pub async fn forget(&self) {
        let sql = "delete from kpi_snapshots; delete from kpi_changes; delete from kpi_rollup_state; delete from kpi_incident_attributions";
        self.app.database.sql(sql).await;
    }

    pub async fn rollup(&self, as_of: DateTime<Utc>) -> Value {
        let (status, run) = self.app.http.post("/runs", json!({"kind": "kpi_rollup", "as_of": as_of})).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{run}");
        let run = self.app.run_end(run["id"].as_str().unwrap(), 180).await;
        assert_eq!(run["status"], "succeeded", "{run}");
        run["result"].clone()
    }
}

//! The sources: a wide company, of which only lists are synced, and a deep one with all its details. Both misbehave and change.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use ovia_demo::{Company, CompanyOptions, CompanySize, DemoServer, FaultKind, FaultRule, Faults, ServerOptions, Truth, When};
use serde_json::{Value, json};

use super::{ChaosOptions, dice::Dice};

const PROJECTS: usize = 4;
/// What a backfill walks at a time, and how far back.
pub(super) const WINDOW: &str = "30d";
const WINDOWS: u64 = 14;

pub(super) struct Source {
    pub name: &'static str,
    pub server: Arc<DemoServer>,
    pub details: bool,
    /// Live syncs begin here; what is older is the backfill's.
    pub since: DateTime<Utc>,
    /// What the backfill fetches. The last days are both's.
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Every answer takes so long: the work is to last as long as the chaos.
    pace: Duration,
}

impl Source {
    /// Lists of about `records` rows.
    pub fn wide(options: &ChaosOptions, now: DateTime<Utc>) -> Self {
        let records = options.records;
        let size = CompanySize {
            people: 30,
            projects: PROJECTS,
            merge_requests: records * 30 / 100,
            pipelines: records * 55 / 100,
            deployments: records * 5 / 100,
        };
        // four lists of every project in every window, and a page per hundred rows
        let requests = (records as u64 / 100 + 4 * WINDOWS * PROJECTS as u64).max(1);
        Self::new("wide", options.seed, size, false, now, options.chaos / 8 / requests as u32)
    }

    /// Some hundred merge requests and pipelines, with all that belongs to them.
    pub fn deep(options: &ChaosOptions, now: DateTime<Utc>) -> Self {
        let small = CompanySize::small();
        let size = CompanySize {
            merge_requests: small.merge_requests.max(options.records / 250),
            pipelines: small.pipelines.max(options.records / 150),
            ..small
        };
        let requests = (4 * size.merge_requests + 3 * size.pipelines) as u32;
        // eight in flight
        Self::new("deep", options.seed + 1, size, true, now, options.chaos * 2 / 3 / requests)
    }

    fn new(name: &'static str, seed: u64, size: CompanySize, details: bool, now: DateTime<Utc>, pace: Duration) -> Self {
        let as_of = now - TimeDelta::hours(1);
        let company = Company::generate(&CompanyOptions { seed, as_of, size });
        let server =
            DemoServer::start(company, ServerOptions { token: format!("glpat-chaos-{name}-0123456789"), ..ServerOptions::default() });
        let server = Arc::new(server.unwrap_or_else(|error| panic!("{error}")));
        let from = as_of - TimeDelta::days(30 * WINDOWS as i64 - 1);
        Self { name, server, details, since: as_of - TimeDelta::days(3), from, to: now, pace }
    }

    /// The body that connects it.
    pub fn connection(&self) -> Value {
        json!({
            "source": "gitlab", "name": self.name, "base_url": self.server.base_url(), "credentials": {"token": self.server.token()},
            "settings": {"groups": [self.server.top_group()], "details": self.details, "since": self.since},
        })
    }

    /// One request in fifteen goes wrong, in every way a request can; all are slow.
    pub fn misbehave(&self, seed: u64) {
        let limited = |seconds, as_http_date| FaultKind::RateLimited { retry_after: Some(seconds), as_http_date };
        let rules = [
            (0.004, limited(1, false)),
            (0.002, limited(1, true)),
            // longer than a worker sleeps: the run waits
            (0.002, limited(3, false)),
            (0.02, FaultKind::Status(503)),
            (0.01, FaultKind::Status(500)),
            (0.005, FaultKind::Status(502)),
            (0.003, FaultKind::Html),
            (0.01, FaultKind::Drop),
            (0.01, FaultKind::Truncate(60)),
            (0.004, FaultKind::Slow(2_500)),
        ];
        let rule = |(probability, fault)| FaultRule::always(fault).when(When::Probability(probability));
        let pace = FaultRule::always(FaultKind::Slow(self.pace.as_millis() as u64));
        self.server.set_faults(Faults { seed, rules: [pace].into_iter().chain(rules.into_iter().map(rule)).collect() });
    }

    pub fn behave(&self) {
        self.server.set_faults(Faults::default());
    }

    /// Something new, or something changed; now and then without a trace in its time.
    pub fn change(&self, dice: &mut Dice) {
        let (count, now) = (1 + dice.below(20) as usize, Utc::now());
        match dice.below(5) {
            0 => drop(self.server.add_merge_requests(count, now)),
            1 => drop(self.server.push_merge_requests(count, now)),
            2 => drop(self.server.add_pipelines(count, now)),
            3 => drop(self.server.add_deployments(count, now)),
            _ => drop(self.server.edit_merge_requests(count, now)),
        }
    }

    pub fn truth(&self) -> Truth {
        self.server.truth()
    }
}

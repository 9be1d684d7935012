//! What a pass of the demo found, for people and as one JSON document.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    demo_company::{DemoCompany, DemoSource},
    demo_pass::Pass,
    kpi,
};
use crate::{
    output::{Column, number, pairs, table, text},
    services::Environment,
};

/// The document that `ovia demo --json` prints.
#[derive(Debug, Serialize)]
pub struct Summary {
    api_url: String,
    docs_url: String,
    token: String,
    temporal_ui_url: String,
    /// The first sync in the Temporal UI.
    temporal_run_url: String,
    temporal_address: String,
    database_url: String,
    /// From the start of the process.
    seconds_to_first_kpi: f64,
    /// The demo company's GitLab.
    company: Value,
    /// All its servers, with their credentials.
    sources: Vec<Value>,
    /// The GitLab's.
    connection: Value,
    /// As `sources`.
    connections: Vec<Value>,
    people: usize,
    bots: usize,
    /// Of people and bots, over all sources.
    accounts: usize,
    /// The syncs, the matching runs and the rollups.
    runs: Vec<Value>,
    kpis: Vec<Value>,
}

const RUN_COLUMNS: &[Column] = &[
    Column { title: "RUN", cell: |row| text(row, "/kind") },
    Column { title: "SOURCE", cell: |row| text(row, "/source") },
    Column { title: "STATUS", cell: |row| text(row, "/status") },
    Column { title: "SECONDS", cell: seconds },
    Column { title: "FETCHED", cell: |row| number(row, "/counts/fetched") },
    Column { title: "NEW", cell: |row| number(row, "/counts/inserted") },
    Column { title: "CHANGED", cell: |row| number(row, "/counts/updated") },
    Column { title: "REQUESTS", cell: |row| number(row, "/counts/requests") },
    Column { title: "ID", cell: |row| text(row, "/id") },
];

impl Summary {
    pub fn new(environment: &Environment, company: &DemoCompany, pass: Pass, to_first_kpi: Duration) -> Self {
        let accounts = pass.people.iter().filter_map(|person| person["identities"].as_array()).map(Vec::len).sum();
        let bots = pass.people.iter().filter(|person| person["is_bot"] == true).count();
        Self {
            api_url: environment.api_url.clone(),
            docs_url: format!("{}/docs", environment.api_url),
            token: environment.token.expose_secret().to_owned(),
            temporal_ui_url: environment.temporal_ui_url.clone(),
            temporal_run_url: pass.runs.first().map(|run| text(run, "/temporal_ui_url")).unwrap_or_default(),
            temporal_address: environment.temporal_address.clone(),
            database_url: environment.database_url.clone(),
            seconds_to_first_kpi: (to_first_kpi.as_secs_f64() * 10.0).round() / 10.0,
            company: gitlab(company),
            sources: company.sources.iter().map(|source| json!(source)).collect(),
            connection: pass.connections.first().cloned().unwrap_or_default(),
            connections: pass.connections,
            people: pass.people.len() - bots,
            bots,
            accounts,
            runs: pass.runs,
            kpis: pass.kpis,
        }
    }

    /// `token` is what to show for the token.
    pub fn to_text(&self, token: &str) -> String {
        let servers: Vec<String> =
            self.sources.iter().map(|source| format!("{} {}", text(source, "/source"), text(source, "/base_url"))).collect();
        let facts = pairs(&[
            ("People", format!("{} (and {} bots), with {} accounts", self.people, self.bots, self.accounts)),
            ("First KPI after", format!("{} s", self.seconds_to_first_kpi)),
            ("API", self.api_url.clone()),
            ("API docs", self.docs_url.clone()),
            ("Token", token.to_owned()),
            ("Temporal UI", self.temporal_run_url.clone()),
            ("Demo company", servers.join(", ")),
        ]);
        let runs = table(&self.runs, RUN_COLUMNS, "No runs.");
        let mut kpis = table(&self.kpis, kpi::COLUMNS, kpi::WHEN_EMPTY);
        let notes = kpi::notes::lines(&self.kpis, kpi::notes::figure);
        if !notes.is_empty() {
            kpis = format!("{kpis}\n\n{notes}");
        }
        format!("\n{runs}\n\n{kpis}\n\n{facts}\n")
    }
}

/// The GitLab as it was shown when it was the only one: the shape of the document is stable.
fn gitlab(company: &DemoCompany) -> Value {
    let shown = |source: &DemoSource| {
        let DemoSource { base_url, credentials, settings, .. } = source;
        json!({"base_url": base_url, "token": credentials["token"], "group": settings["groups"][0]})
    };
    company.sources.iter().find(|source| source.source == "gitlab").map(shown).unwrap_or_default()
}

fn seconds(run: &Value) -> String {
    let time = |pointer: &str| text(run, pointer).parse::<chrono::DateTime<chrono::Utc>>().ok();
    match (time("/started_at"), time("/ended_at")) {
        (Some(start), Some(end)) => format!("{:.1}", (end - start).as_seconds_f64()),
        _ => String::new(),
    }
}

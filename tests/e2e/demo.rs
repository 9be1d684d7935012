//! A demo company beside an app.

use chrono::{DateTime, TimeZone, Utc};
use ovia_demo::{Company, CompanyOptions, CompanySize, DemoServer, FaultKind, FaultRule, ServerOptions, When};
use ovia_tests::TestApp;
use serde_json::{Value, json};

pub const TOKEN: &str = "glpat-demo-token-of-the-tests";

/// The moment every test's company is looked at.
pub fn as_of() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 18, 0, 0, 0).unwrap()
}

pub fn company(size: CompanySize) -> Company {
    Company::generate(&CompanyOptions { seed: 7, as_of: as_of(), size })
}

pub async fn server(size: CompanySize) -> DemoServer {
    let options = ServerOptions { token: TOKEN.into(), ..ServerOptions::default() };
    DemoServer::start(company(size), options).unwrap()
}

/// Settings that sync the whole company.
pub fn settings(demo: &DemoServer) -> Value {
    json!({"groups": [demo.top_group()]})
}

pub async fn connect(app: &TestApp, demo: &DemoServer) -> String {
    app.connect("demo", demo.base_url(), TOKEN, settings(demo)).await
}

/// `fault` for every nth request.
pub fn every(n: u64, fault: FaultKind) -> FaultRule {
    FaultRule::always(fault).when(When::Every(n))
}

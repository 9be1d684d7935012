//! `ovia people stats`: how much is matched, and how long the queue is.

use serde_json::Value;

use crate::{
    client::ApiClient,
    exit::CliResult,
    output::{Column, duration, number, pairs, print, print_json, short_time, table, text},
};

const SOURCES: &[Column] = &[
    Column { title: "SOURCE", cell: |row| text(row, "/source") },
    Column { title: "ACCOUNTS", cell: |row| number(row, "/accounts") },
    Column { title: "SERVICE", cell: |row| number(row, "/service_accounts") },
    Column { title: "BY RULES", cell: |row| number(row, "/auto") },
    Column { title: "CONFIRMED", cell: |row| number(row, "/confirmed") },
    Column { title: "CONFLICTS", cell: |row| number(row, "/conflict") },
    Column { title: "UNSEEN", cell: |row| number(row, "/unseen") },
    Column { title: "JOINED", cell: |row| number(row, "/joined") },
    Column { title: "MATCHED", cell: |row| percent(row, "/match_rate") },
];

pub async fn stats(client: &ApiClient, json: bool) -> CliResult {
    let stats = client.get("team/identity-mappings/stats", &[]).await?;
    if json {
        return print_json(&stats);
    }
    let oldest = stats["queue"]["oldest_seconds"].as_i64().map(duration).unwrap_or_default();
    print(&pairs(&[
        ("accounts", number(&stats, "/accounts")),
        ("people", number(&stats, "/people")),
        ("service accounts", number(&stats, "/service_accounts")),
        ("match rate", percent(&stats, "/match_rate")),
        ("linked by rules", number(&stats, "/auto")),
        ("confirmed by people", number(&stats, "/confirmed")),
        ("not seen yet", number(&stats, "/unseen")),
        ("conflicts", number(&stats, "/queue/size")),
        ("oldest conflict waits", oldest),
        ("decisions with evidence against them", number(&stats, "/contradicted")),
        ("last matching run", short_time(&stats, "/last_run_at")),
    ]))?;
    let sources = stats["sources"].as_array().cloned().unwrap_or_default();
    print(&format!("\n{}", table(&sources, SOURCES, "No accounts yet: they come with a sync.")))
}

/// `98.2 %`; `no data` where there is nothing to have a share of.
fn percent(row: &Value, pointer: &str) -> String {
    row.pointer(pointer).and_then(Value::as_f64).map_or("no data".into(), |share| format!("{:.1} %", share * 100.0))
}

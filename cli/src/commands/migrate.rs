//! `ovia migrate`: the schema brought up to date. Safe to run from several processes at once, and again.

use serde_json::json;

use crate::{
    app::Global,
    config::{Needs, Settings},
    exit::CliResult,
    logging,
    output::{print, print_json},
    services,
};

pub async fn run(global: &Global) -> CliResult {
    let settings = Settings::load(Needs::Database)?;
    logging::start(&settings.log, settings.log_format)?;
    let store = services::store_connect(&settings).await?;
    let pending = store.migrations_pending().await.map_err(services::store_error)?;
    store.migrate().await.map_err(services::store_error)?;
    if global.json {
        return print_json(&json!({"applied": pending}));
    }
    print(&match pending {
        0 => "The schema is up to date.".to_owned(),
        count => format!("Applied {count} migrations."),
    })
}

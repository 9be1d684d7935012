//! `ovia kpi settings`: what an organisation has set for its KPIs; `ovia kpi people-access`: who may see figures of single people.

use clap::{Args, Subcommand};
use ovia_domain::OrgId;
use ovia_store::Store;
use serde_json::{Value, json};

use crate::{
    app::Global,
    client::{ApiClient, api_named},
    config::{Needs, Settings},
    exit::{CliError, CliResult, Exit},
    local::LocalFiles,
    output::{pairs, print, print_json, short_time, text},
    services,
};

#[derive(Debug, Subcommand)]
pub enum SettingsCommand {
    /// What is in force.
    Show,
    /// Change fields, as stale_after_days=10; the others stay as they are.
    Set(SetArgs),
}

#[derive(Debug, Args)]
pub struct SetArgs {
    /// `field=value`; a value that is JSON is read as such: incident_types='["Incident"]'.
    #[arg(value_name = "FIELD=VALUE")]
    fields: Vec<String>,
    /// Figures of single people.
    #[arg(long, value_name = "on|off", value_parser = ["on", "off"])]
    person_level: Option<String>,
}

#[derive(Debug, Args)]
pub struct PeopleAccessArgs {
    /// The token's name.
    token: String,
    /// Its organisation: name or id [default: the one that was made first].
    #[arg(long, value_name = "ORGANISATION")]
    org: Option<String>,
    /// It may see them.
    #[arg(long, conflicts_with = "deny", required_unless_present = "deny")]
    allow: bool,
    /// It may not.
    #[arg(long)]
    deny: bool,
}

pub async fn run(client: &ApiClient, command: &SettingsCommand, json: bool) -> CliResult {
    let current: Value = client.get("team/kpi/settings", &[]).await?;
    let shown = match command {
        SettingsCommand::Show => current,
        SettingsCommand::Set(args) => {
            let mut settings = current["settings"].clone();
            for field in &args.fields {
                let (name, value) = parse(field)?;
                settings[name] = value;
            }
            let person_level = match args.person_level.as_deref() {
                Some(word) => json!(word == "on"),
                None => current["person_level"].clone(),
            };
            let body = json!({"settings": settings, "person_level": person_level, "expected_version": current["version"]});
            client.put("team/kpi/settings", &body).await?
        }
    };
    if json {
        return print_json(&shown);
    }
    let mut lines: Vec<(&str, String)> =
        vec![("version", text(&shown, "/version")), ("person level", if shown["person_level"] == true { "on" } else { "off" }.to_owned())];
    if let Some(settings) = shown["settings"].as_object() {
        lines.extend(settings.iter().map(|(name, value)| (name.as_str(), text(&json!({"v": value}), "/v"))));
    }
    lines.push(("set by", text(&shown, "/created_by")));
    lines.push(("set at", short_time(&shown, "/created_at")));
    lines.push(("rollup", text(&shown, "/run_id")));
    print(&pairs(&lines))
}

/// Name and value of `field=value`.
fn parse(field: &str) -> CliResult<(&str, Value)> {
    let (name, value) = field.split_once('=').ok_or_else(|| {
        CliError::usage(format!("`{field}` is not field=value")).hint("As in: ovia kpi settings set time_zone=Europe/Berlin")
    })?;
    if name == "person_level" {
        return Err(CliError::usage("figures of single people are set with --person-level on or off, not as a field"));
    }
    Ok((name, serde_json::from_str(value).unwrap_or_else(|_| json!(value))))
}

async fn organisation(store: &Store, named: Option<&str>) -> CliResult<OrgId> {
    let Some(named) = named else {
        let oldest = store.organisation_oldest().await.map_err(services::store_error)?;
        return oldest.ok_or_else(|| CliError::new(Exit::NotFound, "there is no organisation yet").hint("Start the server once."));
    };
    match store.organisations_named(named).await.map_err(services::store_error)?[..] {
        [one] => Ok(one),
        [] => Err(CliError::new(Exit::NotFound, format!("there is no organisation `{named}`")).hint("Give its name or its id.")),
        _ => Err(CliError::usage(format!("several organisations are called `{named}`")).hint("Give the id of one.")),
    }
}

/// Settings with the server's database, or else with that of the `ovia dev` that runs on the data directory, unless another API is named.
fn database(global: &Global) -> CliResult<Settings> {
    let mut settings = Settings::load(Needs::Nothing)?;
    if settings.database_url.is_none() {
        let named = api_named(global)?;
        if !named.as_ref().and_then(|named| named.dev.as_ref()).is_some_and(|dev| dev.running) {
            let at = named.map(|named| format!(" at {}", named.api_url)).unwrap_or_default();
            let nowhere = format!("OVIA_DATABASE_URL is not set, and no `ovia dev`{at} runs on {}", global.data_dir.display());
            return Err(CliError::new(Exit::Unreachable, nowhere).hint("Set it to the server's database, or start `ovia dev`."));
        }
        settings.database_url = LocalFiles::new(&global.data_dir).database_url_read()?;
    }
    Ok(settings)
}

pub async fn people_access(global: &Global, args: &PeopleAccessArgs) -> CliResult {
    let store = services::store_connect(&database(global)?).await?;
    let org = organisation(&store, args.org.as_deref()).await?;
    let tokens = store.token_people_set(org, &args.token, args.allow).await.map_err(services::store_error)?;
    if tokens == 0 {
        return Err(CliError::new(Exit::NotFound, format!("there is no token `{}` in that organisation", args.token))
            .hint("Name its organisation with --org."));
    }
    let by = "operator";
    let change = json!({"token": args.token, "may_see_people": args.allow});
    store.audit(org, by, "token.people_access", ("token", &args.token), change.clone()).await.map_err(services::store_error)?;
    if global.json {
        return print_json(&change);
    }
    let may = if args.allow { "may" } else { "may not" };
    print(&format!(
        "The token `{}` {may} see figures of single people{}.",
        args.token,
        if args.allow && !args.deny { ", where the organisation has them" } else { "" }
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_json_where_they_can_be() {
        let read = |field| parse(field).map(|(name, value)| (name.to_owned(), value)).unwrap_or_default();
        assert_eq!(read("stale_after_days=10"), ("stale_after_days".into(), json!(10)));
        assert_eq!(read("time_zone=Europe/Berlin"), ("time_zone".into(), json!("Europe/Berlin")));
        assert_eq!(read("incident_types=[\"Outage\"]"), ("incident_types".into(), json!(["Outage"])));
        assert!(parse("time_zone").is_err());
        assert!(parse("person_level=true").is_err_and(|error| error.to_string().contains("--person-level on")));
    }
}

//! `ovia people config`: how accounts are matched, and what another way would change.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{
    super::{runs, watching},
    lists::account,
    sheets::read_file,
};
use crate::{
    client::ApiClient,
    exit::{CliError, CliResult},
    output::{RunProgress, number, pairs, print, print_json, short_time, text},
};

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// What is in force.
    Show,
    /// Say what a change would do; nothing is changed.
    Preview(PreviewArgs),
    /// Make a change; a matching run that follows it is queued.
    Set(SetArgs),
}

/// The configuration to be: what is in force, changed.
#[derive(Debug, Args)]
#[group(skip)]
pub struct ChangeArgs {
    /// A JSON file that replaces it whole; - is stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "set")]
    file: Option<PathBuf>,
    /// Change one value, as thresholds.auto=0.95.
    #[arg(long, value_name = "PATH=VALUE", required_unless_present = "file")]
    set: Vec<String>,
}

#[derive(Debug, Args)]
pub struct PreviewArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// Do not wait for the run that computes it.
    #[arg(long)]
    no_wait: bool,
}

#[derive(Debug, Args)]
pub struct SetArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// Only if this version is still in force [default: the one that was changed].
    #[arg(long, value_name = "N")]
    if_version: Option<i64>,
    /// A sentence that is kept with it.
    #[arg(long, value_name = "SENTENCE")]
    why: Option<String>,
}

pub async fn run(client: &ApiClient, command: &ConfigCommand, json: bool) -> CliResult {
    let current = client.get("team/matching-config", &[]).await?;
    match command {
        ConfigCommand::Show if json => print_json(&current),
        ConfigCommand::Show => show(&current),
        ConfigCommand::Preview(args) => preview(client, args, &current["config"], json).await,
        ConfigCommand::Set(args) => {
            let version = args.if_version.map_or_else(|| current["version"].clone(), Value::from);
            let mut body = json!({"config": changed(&current["config"], &args.change)?, "expected_version": version});
            if let Some(why) = &args.why {
                body["note"] = json!(why);
            }
            let set = client.put("team/matching-config", &body).await?;
            if json { print_json(&set) } else { show(&set) }
        }
    }
}

async fn preview(client: &ApiClient, args: &PreviewArgs, current: &Value, json: bool) -> CliResult {
    let body = json!({"config": changed(current, &args.change)?});
    let mut run = client.post("team/identity-mappings/preview", Some(&body)).await?;
    if args.no_wait {
        return runs::show(&run, json);
    }
    run = watching::watch_until_interrupted(client, &text(&run, "/id"), RunProgress::new(json), |_| Ok(())).await?;
    if json {
        print_json(&run)?;
    } else if run["result"]["preview"] == true {
        show_preview(&run["result"])?;
    }
    watching::verdict(&run)
}

/// What is in force, with `change` made to it.
fn changed(current: &Value, change: &ChangeArgs) -> CliResult<Value> {
    if let Some(file) = &change.file {
        return serde_json::from_slice(&read_file(file)?)
            .map_err(|error| CliError::usage(format!("{} is not JSON: {error}", file.display())));
    }
    let mut config = current.clone();
    for assignment in &change.set {
        let (path, value) = assignment.split_once('=').ok_or_else(|| {
            CliError::usage(format!("`{assignment}` is not PATH=VALUE"))
                .hint("As --set thresholds.auto=0.95; `ovia people config show` has the paths.")
        })?;
        // a number, a list, true; what is none of these is a text
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        assign(&mut config, path.split('.'), value);
    }
    Ok(config)
}

fn assign<'a>(at: &mut Value, mut path: impl Iterator<Item = &'a str>, value: Value) {
    let Some(name) = path.next() else {
        *at = value;
        return;
    };
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    if let Some(object) = at.as_object_mut() {
        assign(object.entry(name).or_insert(Value::Null), path, value);
    }
}

fn show(config: &Value) -> CliResult {
    print(&pairs(&[
        ("version", number(config, "/version")),
        ("set by", text(config, "/created_by")),
        ("set at", short_time(config, "/created_at")),
        ("because", text(config, "/note")),
    ]))?;
    print_json(&config["config"])
}

fn show_preview(preview: &Value) -> CliResult {
    let both = |now: &str, then: &str| format!("{} → {}", number(preview, now), number(preview, then));
    print(&pairs(&[
        ("accounts", number(preview, "/identities")),
        ("people", both("/people_now", "/people_then")),
        ("conflicts", both("/conflicts_now", "/conflicts_then")),
        ("conflicts raised", number(preview, "/conflicts_raised")),
        ("conflicts settled", number(preview, "/conflicts_settled")),
        ("accounts that move", number(preview, "/moved")),
    ]))?;
    for row in preview["sample"].as_array().into_iter().flatten() {
        let person = |side: &str| match text(row, &format!("/{side}/person_name")) {
            name if name.is_empty() => "nobody".to_owned(),
            name => format!("{name} ({})", text(row, &format!("/{side}/status"))),
        };
        print(&format!("  {}: {} → {}. {}", account(row), person("from"), person("to"), text(row, "/to/sentence")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn single_values_are_changed_in_what_is_there() {
        let change = |set: &[&str]| ChangeArgs { file: None, set: set.iter().map(|text| (*text).to_owned()).collect() };
        let current = json!({"thresholds": {"auto": 0.9, "conflict": 0.5}});
        let set = change(&["thresholds.auto=0.95", "switches.nicknames=false", "corporate_domains=[\"acme.example\"]", "note=x y"]);
        assert_eq!(
            changed(&current, &set).unwrap(),
            json!({"thresholds": {"auto": 0.95, "conflict": 0.5}, "switches": {"nicknames": false}, "corporate_domains": ["acme.example"], "note": "x y"})
        );
        assert!(changed(&current, &change(&["thresholds.auto"])).is_err());
    }
}

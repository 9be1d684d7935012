//! `ovia teams`: who is in which team, and when.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    listing::{Listing, Paging, filters},
    people::{confirm_hint, csv_errors, person, read_file},
};
use crate::{
    app::Global,
    client::{ApiClient, target},
    exit::{CliError, CliResult, Exit},
    output::{Column, flag, number, pairs, print, print_json, short_time, text},
};

#[derive(Debug, Subcommand)]
pub enum TeamsCommand {
    /// List teams, by name.
    List(ListArgs),
    /// Show one team and who is in it now.
    Show(ShowArgs),
    /// Make a team.
    Add(AddArgs),
    /// List, add or end memberships.
    Members(MembersArgs),
    /// Take people, teams and memberships from a CSV file; says first what it would do.
    Import(ImportArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The team's name or id.
    team: String,
    /// As it was on this day, as 2026-03-01.
    #[arg(long, value_name = "DATE")]
    on: Option<String>,
}

#[derive(Debug, Args)]
pub struct AddArgs {
    name: String,
    #[arg(long, value_name = "SENTENCE")]
    description: Option<String>,
}

#[derive(Debug, Args)]
#[group(skip)]
pub struct MembersArgs {
    /// The team's name or id.
    team: String,
    /// This person is a member: id, name or e-mail address.
    #[arg(long, value_name = "PERSON", conflicts_with = "remove")]
    add: Option<String>,
    /// This person is a member until --until [default: today].
    #[arg(long, value_name = "PERSON")]
    remove: Option<String>,
    /// From this day [default: today].
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// The first day they are not in the team any more.
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// As lead.
    #[arg(long)]
    role: Option<String>,
    /// Only those of this day.
    #[arg(long, value_name = "DATE", conflicts_with_all = ["add", "remove"])]
    on: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The CSV file; - is stdin. Its columns: email or person_id, name, team, role, from, until.
    file: PathBuf,
    /// Do it; without it, what would be done is shown.
    #[arg(long)]
    apply: bool,
}

const TEAMS: &[Column] = &[
    Column { title: "NAME", cell: |row| text(row, "/name") },
    Column { title: "MEMBERS", cell: |row| number(row, "/members") },
    Column { title: "CLOSED", cell: |row| short_time(row, "/archived_at") },
    Column { title: "DESCRIPTION", cell: |row| text(row, "/description") },
    Column { title: "ID", cell: |row| text(row, "/id") },
];

const MEMBERS: &[Column] = &[
    Column { title: "PERSON", cell: |row| text(row, "/person_name") },
    Column { title: "ROLE", cell: |row| text(row, "/role") },
    Column { title: "FROM", cell: |row| text(row, "/from") },
    Column { title: "UNTIL", cell: |row| text(row, "/until") },
    Column { title: "NOW", cell: |row| flag(row, "/current") },
    Column { title: "PERSON ID", cell: |row| text(row, "/person_id") },
    Column { title: "ID", cell: |row| text(row, "/id") },
];

const NOBODY: &str = "Nobody: `ovia teams members TEAM --add PERSON` adds somebody.";

pub async fn run(global: &Global, command: &TeamsCommand) -> CliResult {
    let (client, json) = (target(global)?, global.json);
    match command {
        TeamsCommand::List(args) => {
            let when_empty = "No teams yet: `ovia teams add NAME` makes one.";
            Listing { path: "team/teams", query: Vec::new(), columns: TEAMS, when_empty }.show(&client, &args.paging, json).await
        }
        TeamsCommand::Show(args) => show(&client, args, json).await,
        TeamsCommand::Add(args) => {
            let made = client.post("team/teams", Some(&json!({"name": args.name, "description": args.description}))).await?;
            if json { print_json(&made) } else { print(&format!("Made {} ({}).", text(&made, "/name"), text(&made, "/id"))) }
        }
        TeamsCommand::Members(args) => members(&client, args, json).await,
        TeamsCommand::Import(args) => import(&client, args, json).await,
    }
}

/// The team called `reference`, which is its id or its name.
async fn team(client: &ApiClient, reference: &str) -> CliResult<Value> {
    if let Ok(id) = reference.parse::<Uuid>() {
        return client.get(&format!("team/teams/{id}"), &[]).await;
    }
    let teams = client.get_all("team/teams", &[]).await?;
    let called = |team: &&Value| text(team, "/name").to_lowercase() == reference.to_lowercase();
    teams.iter().find(called).cloned().ok_or_else(|| {
        let names: Vec<String> = teams.iter().map(|team| text(team, "/name")).collect();
        let known = if names.is_empty() { "There are none yet.".into() } else { format!("There are: {}.", names.join(", ")) };
        CliError::new(Exit::NotFound, format!("there is no team `{reference}`")).hint(known)
    })
}

async fn show(client: &ApiClient, args: &ShowArgs, json: bool) -> CliResult {
    let mut team = team(client, &args.team).await?;
    let on = args.on.clone().unwrap_or_else(today);
    let members = client.get_all(&format!("team/teams/{}/members", text(&team, "/id")), &[("on", on)]).await?;
    if json {
        team["memberships"] = json!(members);
        return print_json(&team);
    }
    print(&pairs(&[("name", text(&team, "/name")), ("description", text(&team, "/description")), ("id", text(&team, "/id"))]))?;
    print("")?;
    Listing { path: "", query: Vec::new(), columns: MEMBERS, when_empty: NOBODY }.print(&members, None, false)
}

async fn members(client: &ApiClient, args: &MembersArgs, json: bool) -> CliResult {
    let id = text(&team(client, &args.team).await?, "/id");
    let path = format!("team/teams/{id}/members");
    let mut body = Map::new();
    if let Some(reference) = &args.add {
        body.insert("person_id".into(), json!(person(client, reference).await?));
        body.insert("from".into(), json!(args.from.clone().unwrap_or_else(today)));
        body.insert("until".into(), json!(args.until));
        body.insert("role".into(), json!(args.role));
        let made = client.post(&path, Some(&Value::Object(body))).await?;
        return if json { print_json(&made) } else { show_membership(&made) };
    }
    if let Some(reference) = &args.remove {
        let person = person(client, reference).await?;
        let until = args.until.clone().unwrap_or_else(today);
        let current = client.get_all(&path, &[("person", person.to_string())]).await?;
        let open = current.iter().find(|row| row["until"].is_null()).ok_or_else(|| {
            CliError::new(Exit::NotFound, "they are not in the team").hint(format!("`ovia teams members {}` lists who is.", args.team))
        })?;
        let ended = client.patch(&format!("{path}/{}", number(open, "/id")), &json!({"until": until})).await?;
        return if json { print_json(&ended) } else { show_membership(&ended) };
    }
    let query = filters(&[("on", &args.on)]);
    Listing { path: &path, query, columns: MEMBERS, when_empty: NOBODY }.show(client, &args.paging, json).await
}

fn show_membership(row: &Value) -> CliResult {
    print(&pairs(&[
        ("person", text(row, "/person_name")),
        ("role", text(row, "/role")),
        ("from", text(row, "/from")),
        ("until", text(row, "/until")),
    ]))
}

async fn import(client: &ApiClient, args: &ImportArgs, json: bool) -> CliResult {
    let query = [("dry_run", (!args.apply).to_string())];
    let done = client.send_bytes(Method::POST, "team/import", &query, read_file(&args.file)?).await?;
    if json {
        print_json(&done)?;
        return csv_errors(&done, true);
    }
    let count = |field: &str| number(&done, field);
    print(&pairs(&[
        ("lines", count("/lines")),
        ("people made", count("/people_created")),
        ("people changed", count("/people_updated")),
        ("teams made", count("/teams_created")),
        ("memberships made", count("/memberships_created")),
        ("memberships changed", count("/memberships_updated")),
        ("so already", count("/unchanged")),
    ]))?;
    confirm_hint(args.apply, &done);
    csv_errors(&done, false)
}

/// In UTC, as everything here.
fn today() -> String {
    chrono::Utc::now().date_naive().to_string()
}

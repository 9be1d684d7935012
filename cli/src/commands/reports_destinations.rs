//! `ovia reports destinations`: where reports are sent.

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{
    credentials::secret_in,
    listing::{Listing, Paging},
    reports::{Kind, name},
};
use crate::{
    client::ApiClient,
    exit::{CliError, CliResult},
    output::{Column, list, pairs, print, print_json, short_time, text},
};

#[derive(Debug, Args)]
pub struct DestinationsArgs {
    #[command(subcommand)]
    command: DestinationsCommand,
}

#[derive(Debug, Subcommand)]
enum DestinationsCommand {
    /// List destinations, the oldest first.
    List(ListArgs),
    /// Send reports somewhere: give --url or --to.
    Add(AddArgs),
    /// Send no more reports there.
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
struct AddArgs {
    name: String,
    /// A webhook's address.
    #[arg(long, required_unless_present = "to")]
    url: Option<String>,
    /// The webhook's secret is in this environment variable [default: one is made, and shown this once].
    #[arg(long, value_name = "VARIABLE", requires = "url")]
    secret_env: Option<String>,
    /// An e-mail address; several times for several.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "url")]
    to: Vec<String>,
    /// Only these reports; several times for several.
    #[arg(long, value_name = "KIND")]
    report: Vec<Kind>,
}

#[derive(Debug, Args)]
struct RemoveArgs {
    /// The destination's name or id.
    destination: String,
}

const COLUMNS: &[Column] = &[
    Column { title: "NAME", cell: |row| text(row, "/name") },
    Column { title: "KIND", cell: |row| text(row, "/kind") },
    Column { title: "REPORTS", cell: |row| list(row, "/reports") },
    Column { title: "URL", cell: |row| text(row, "/url") },
    Column { title: "TO", cell: |row| list(row, "/recipients") },
    Column { title: "CREATED", cell: |row| short_time(row, "/created_at") },
    Column { title: "ID", cell: |row| text(row, "/id") },
];

const PATH: &str = "report-destinations";

pub async fn run(client: &ApiClient, args: &DestinationsArgs, json: bool) -> CliResult {
    match &args.command {
        DestinationsCommand::List(args) => {
            let listing = Listing { path: PATH, query: Vec::new(), columns: COLUMNS, when_empty: "Reports are sent nowhere." };
            listing.show(client, &args.paging, json).await
        }
        DestinationsCommand::Add(args) => add(client, args, json).await,
        DestinationsCommand::Remove(args) => remove(client, args, json).await,
    }
}

async fn add(client: &ApiClient, args: &AddArgs, json: bool) -> CliResult {
    let mut body = json!({"name": args.name, "kind": if args.url.is_some() { "webhook" } else { "email" }});
    if let Some(url) = &args.url {
        body["url"] = json!(url);
    }
    if let Some(variable) = &args.secret_env {
        body["secret"] = json!(secret_in(variable, "the webhook's secret")?.expose_secret());
    }
    if !args.to.is_empty() {
        body["recipients"] = json!(args.to);
    }
    if !args.report.is_empty() {
        body["reports"] = args.report.iter().map(|kind| Value::String(name(*kind))).collect();
    }
    let made = client.post(PATH, Some(&body)).await?;
    if json {
        return print_json(&made);
    }
    print(&pairs(&[("destination", text(&made, "/name")), ("id", text(&made, "/id")), ("secret", text(&made, "/secret"))]))
}

async fn remove(client: &ApiClient, args: &RemoveArgs, json: bool) -> CliResult {
    let all = client.get_all(PATH, &[]).await?;
    let found = all.iter().find(|one| one["name"] == args.destination.as_str() || one["id"] == args.destination.as_str());
    let found = found.ok_or_else(|| {
        CliError::new(crate::exit::Exit::NotFound, format!("there is no destination `{}`", args.destination))
            .hint("`ovia reports destinations list` shows them.")
    })?;
    let id = text(found, "/id");
    client.delete(&format!("{PATH}/{id}")).await?;
    if json { print_json(&json!({"id": id, "removed": true})) } else { print(&format!("Removed {}.", text(found, "/name"))) }
}

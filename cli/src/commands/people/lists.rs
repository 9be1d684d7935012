//! `ovia people list`, `mappings`, `conflicts`, `decisions`, `events`.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{
    super::listing::{Listing, Paging, filters},
    reference::{identity, person},
};
use crate::{
    client::ApiClient,
    exit::CliResult,
    output::{Column, flag, number, print, print_json, short_time, text},
};

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Part of a name, e-mail address or user name.
    #[arg(long)]
    search: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    Auto,
    Conflict,
    Confirmed,
    /// Refused by somebody.
    Rejected,
    /// Held once.
    Superseded,
}

impl Status {
    fn is_past(self) -> bool {
        matches!(self, Self::Rejected | Self::Superseded)
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Sort {
    /// The least sure first.
    Confidence,
    /// The surest first.
    ConfidenceDesc,
    /// Those that are so for the longest time first.
    Age,
    /// Those that changed last first.
    AgeDesc,
}

#[derive(Debug, Args)]
pub struct MappingsArgs {
    /// Those that are so; rejected and superseded are history, with who, when and why.
    #[arg(long)]
    status: Option<Status>,
    /// As gitlab.
    #[arg(long)]
    source: Option<String>,
    /// A person's id, name or e-mail address.
    #[arg(long)]
    person: Option<String>,
    /// Part of a name, e-mail address or user name.
    #[arg(long)]
    search: Option<String>,
    /// At least this sure, 0 to 1.
    #[arg(long, value_name = "N")]
    min_confidence: Option<f64>,
    /// At most this sure, 0 to 1.
    #[arg(long, value_name = "N")]
    max_confidence: Option<f64>,
    /// Only service accounts.
    #[arg(long, conflicts_with = "humans")]
    service_accounts: bool,
    /// Only humans' accounts.
    #[arg(long)]
    humans: bool,
    /// So since this time or later, as 2026-03-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// So since before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only decisions that strong evidence speaks against.
    #[arg(long)]
    contradicted: bool,
    #[arg(long, default_value = "confidence")]
    sort: Sort,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub struct ConflictsArgs {
    /// As gitlab.
    #[arg(long)]
    source: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub struct DecisionsArgs {
    /// As merge.
    #[arg(long)]
    kind: Option<String>,
    /// Who decided, as token:first.
    #[arg(long)]
    actor: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub struct EventsArgs {
    /// About this account: its id, or as gitlab:mira.
    #[arg(long)]
    identity: Option<String>,
    /// About this person: id, name or e-mail address.
    #[arg(long)]
    person: Option<String>,
    /// As conflict_raised.
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

const PEOPLE: &[Column] = &[
    Column { title: "NAME", cell: |row| text(row, "/display_name") },
    Column { title: "E-MAIL", cell: |row| text(row, "/primary_email") },
    Column { title: "BOT", cell: |row| flag(row, "/is_bot") },
    Column { title: "ACCOUNTS", cell: accounts },
    Column { title: "ID", cell: |row| text(row, "/id") },
];

const MAPPINGS: &[Column] = &[
    Column { title: "ACCOUNT", cell: |row| account(&row["identity"]) },
    Column { title: "PERSON", cell: |row| text(row, "/person/display_name") },
    Column { title: "STATUS", cell: |row| text(row, "/status") },
    Column { title: "SURE", cell: sure },
    Column { title: "VERSION", cell: |row| number(row, "/version") },
    Column { title: "SINCE", cell: |row| short_time(row, "/since") },
    Column { title: "WHY", cell: |row| text(row, "/explanation") },
    Column { title: "IDENTITY", cell: |row| text(row, "/identity/id") },
];

const PAST: &[Column] = &[
    Column { title: "ACCOUNT", cell: |row| account(&row["identity"]) },
    Column { title: "PERSON", cell: |row| text(row, "/person/display_name") },
    Column { title: "STATUS", cell: |row| text(row, "/status") },
    Column { title: "SINCE", cell: |row| short_time(row, "/since") },
    Column { title: "UNTIL", cell: |row| short_time(row, "/ended_at") },
    Column { title: "BY", cell: by },
    Column { title: "DECISION", cell: |row| text(row, "/decision_id") },
    Column { title: "REASON", cell: |row| text(row, "/reason") },
    Column { title: "WHY", cell: |row| text(row, "/explanation") },
    Column { title: "IDENTITY", cell: |row| text(row, "/identity/id") },
];

const DECISIONS: &[Column] = &[
    Column { title: "ID", cell: |row| text(row, "/id") },
    Column { title: "WHEN", cell: |row| short_time(row, "/decided_at") },
    Column { title: "WHO", cell: |row| text(row, "/actor") },
    Column { title: "WHAT", cell: |row| text(row, "/kind") },
    Column { title: "ACCOUNTS", cell: |row| text(row, "/identities_count") },
    Column { title: "UNDOES", cell: |row| text(row, "/undoes") },
    Column { title: "UNDONE BY", cell: |row| text(row, "/undone_by") },
    Column { title: "WHY", cell: |row| text(row, "/reason") },
];

const EVENTS: &[Column] = &[
    Column { title: "WHEN", cell: |row| short_time(row, "/at") },
    Column { title: "WHO", cell: |row| text(row, "/actor") },
    Column { title: "WHAT", cell: |row| text(row, "/kind") },
    Column { title: "IDENTITY", cell: |row| text(row, "/identity_id") },
    Column { title: "PERSON", cell: |row| text(row, "/person_id") },
    Column { title: "DECISION", cell: |row| text(row, "/decision_id") },
    Column { title: "WHY", cell: |row| text(row, "/reason") },
];

pub async fn people(client: &ApiClient, args: &ListArgs, json: bool) -> CliResult {
    let query = filters(&[("q", &args.search)]);
    let when_empty = "No people yet: they come from a matching run, which follows every sync.";
    Listing { path: "team/people", query, columns: PEOPLE, when_empty }.show(client, &args.paging, json).await
}

pub async fn mappings(client: &ApiClient, args: &MappingsArgs, json: bool) -> CliResult {
    let word = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
    let mut query = filters(&[
        ("status", &args.status.and_then(|status| word(status.to_possible_value()))),
        ("source", &args.source),
        ("q", &args.search),
        ("min_confidence", &args.min_confidence.map(|number| number.to_string())),
        ("max_confidence", &args.max_confidence.map(|number| number.to_string())),
        ("since", &args.since),
        ("until", &args.until),
        ("sort", &word(args.sort.to_possible_value())),
    ]);
    if let Some(reference) = &args.person {
        query.push(("person", person(client, reference).await?.to_string()));
    }
    if args.service_accounts || args.humans {
        query.push(("service_accounts", args.service_accounts.to_string()));
    }
    if args.contradicted {
        query.push(("contradicted", "true".into()));
    }
    let when_empty = "No accounts that are so.";
    let columns = if args.status.is_some_and(Status::is_past) { PAST } else { MAPPINGS };
    Listing { path: "team/identity-mappings", query, columns, when_empty }.show(client, &args.paging, json).await
}

pub async fn conflicts(client: &ApiClient, args: &ConflictsArgs, json: bool) -> CliResult {
    let (items, next_cursor) = args.paging.fetch(client, "team/identity-mappings/conflicts", &filters(&[("source", &args.source)])).await?;
    if json {
        return print_json(&serde_json::json!({"items": items, "next_cursor": next_cursor}));
    }
    if items.is_empty() {
        return print("No conflicts: nothing has to be decided.");
    }
    for conflict in &items {
        print(&super::review::head(conflict))?;
        for candidate in conflict["candidates"].as_array().into_iter().flatten() {
            print(&super::review::sides(conflict, candidate))?;
        }
    }
    match next_cursor {
        Some(cursor) => eprintln!("There are more: add --all, or --cursor {cursor}"),
        None => eprintln!("`ovia people review` goes through them."),
    }
    Ok(())
}

pub async fn decisions(client: &ApiClient, args: &DecisionsArgs, json: bool) -> CliResult {
    let query = filters(&[("kind", &args.kind), ("actor", &args.actor)]);
    let listing = Listing { path: "team/identity-mappings/decisions", query, columns: DECISIONS, when_empty: "Nothing was decided." };
    listing.show(client, &args.paging, json).await
}

pub async fn events(client: &ApiClient, args: &EventsArgs, json: bool) -> CliResult {
    let mut query = filters(&[("kind", &args.kind)]);
    if let Some(reference) = &args.identity {
        query.push(("identity", identity(client, reference).await?.to_string()));
    }
    if let Some(reference) = &args.person {
        query.push(("person", person(client, reference).await?.to_string()));
    }
    let listing = Listing { path: "team/identity-mappings/events", query, columns: EVENTS, when_empty: "Nothing happened." };
    listing.show(client, &args.paging, json).await
}

/// 0 to 1, to two digits and rounded down as in explanations: 0.999 is not certainty.
pub fn sure(row: &Value) -> String {
    match row["confidence"].as_f64() {
        Some(sure) if sure < 1.0 => format!("{:.2}", (sure * 100.0 + 1e-9).floor() / 100.0),
        Some(_) => "1".to_owned(),
        None => String::new(),
    }
}

/// Who refused a person for the account, or ended what held.
fn by(row: &Value) -> String {
    match text(row, "/ended_by") {
        ended_by if ended_by.is_empty() => text(row, "/decided_by"),
        ended_by => ended_by,
    }
}

/// `gitlab @mira, gitlab @mira.k`.
fn accounts(row: &Value) -> String {
    let identities = row["identities"].as_array().map(Vec::as_slice).unwrap_or_default();
    identities.iter().map(account).collect::<Vec<_>>().join(", ")
}

/// `gitlab @mira`; by its e-mail address, name or id in the source where it has no user name.
pub fn account(identity: &Value) -> String {
    let name = match text(identity, "/username") {
        name if !name.is_empty() => format!("@{name}"),
        _ => ["/email", "/display_name", "/external_id"]
            .iter()
            .map(|at| text(identity, at))
            .find(|name| !name.is_empty())
            .unwrap_or_default(),
    };
    format!("{} {name}", text(identity, "/source")).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_nearly_certain_is_not_shown_as_certain() {
        for (confidence, shown) in [(0.9864, "0.98"), (0.97, "0.97"), (0.29, "0.29"), (0.999, "0.99"), (1.0, "1"), (0.5, "0.50")] {
            assert_eq!(sure(&json!({"confidence": confidence})), shown);
        }
        assert_eq!(sure(&json!({})), "");
    }

    #[test]
    fn past_links_say_by_whom() {
        assert_eq!(by(&json!({"decided_by": "token:ann", "ended_by": null})), "token:ann");
        assert_eq!(by(&json!({"decided_by": "token:ann", "ended_by": "run:7"})), "run:7");
    }
}

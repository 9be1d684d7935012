//! What people decide about accounts: confirm, remap, split, merge, never, undo, bulk-confirm.

use clap::Args;
use serde_json::{Map, Value, json};

use super::{
    lists::sure,
    reference::{identity, person},
};
use crate::{
    client::ApiClient,
    exit::CliResult,
    output::{number, pairs, print, print_json, text},
};

/// What every decision takes.
#[derive(Debug, Args)]
pub struct Common {
    /// A sentence that is kept with the decision.
    #[arg(long, value_name = "SENTENCE")]
    why: Option<String>,
}

#[derive(Debug, Args)]
pub struct ConfirmArgs {
    /// The account: its id, or as gitlab:mira.
    account: String,
    /// Whose it is: id, name or e-mail address [default: whose it is taken for now].
    #[arg(long)]
    person: Option<String>,
    /// Only if its link still has this version.
    #[arg(long, value_name = "N")]
    if_version: Option<i64>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
#[group(skip)]
pub struct RemapArgs {
    /// The account: its id, or as gitlab:mira.
    account: String,
    /// Whose it is: id, name or e-mail address.
    #[arg(long, required_unless_present = "new")]
    person: Option<String>,
    /// It is somebody's who is not known yet, called so if a name is given.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", conflicts_with = "person")]
    new: Option<String>,
    /// Only if its link still has this version.
    #[arg(long, value_name = "N")]
    if_version: Option<i64>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub struct SplitArgs {
    /// The person: id, name or e-mail address.
    person: String,
    /// The accounts that are somebody else's: ids, or as gitlab:mira.
    #[arg(required = true)]
    accounts: Vec<String>,
    /// What the new person is called [default: as the accounts are].
    #[arg(long)]
    name: Option<String>,
    /// Only if the person still has this version.
    #[arg(long, value_name = "N")]
    if_version: Option<i64>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The person that stays: id, name or e-mail address.
    person: String,
    /// The person that becomes part of them.
    other: String,
    /// Only if the person that stays still has this version.
    #[arg(long, value_name = "N")]
    if_version: Option<i64>,
    /// Only if the other still has this version.
    #[arg(long, value_name = "N")]
    if_other_version: Option<i64>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub struct NeverArgs {
    /// An account: its id, or as gitlab:mira.
    one: String,
    /// The other account.
    other: String,
    /// They are people: ids, names or e-mail addresses.
    #[arg(long)]
    people: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub struct UndoArgs {
    /// The decision's id: `ovia people decisions` lists them.
    decision: i64,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub struct BulkArgs {
    /// Every link that is at least this sure, 0 to 1.
    #[arg(long, value_name = "N")]
    min_confidence: f64,
    /// Only accounts of this source, as gitlab.
    #[arg(long)]
    source: Option<String>,
    /// Do it; without it, what would be done is shown.
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    common: Common,
}

pub async fn confirm(client: &ApiClient, args: &ConfirmArgs, json: bool) -> CliResult {
    let mut body = body(&args.common, args.if_version);
    let account = identity(client, &args.account).await?;
    body.insert("identity_id".into(), json!(account));
    if let Some(reference) = &args.person {
        body.insert("person_id".into(), json!(person(client, reference).await?));
    } else {
        // whose it is taken for, as it is seen here: what changes in between is a conflict
        let mapping = client.get(&format!("team/identity-mappings/{account}"), &[]).await?;
        body.insert("person_id".into(), mapping["person"]["id"].clone());
        body.entry("expected_version").or_insert(mapping["version"].clone());
    }
    send(client, "confirm", body, json).await
}

pub async fn remap(client: &ApiClient, args: &RemapArgs, json: bool) -> CliResult {
    let mut body = body(&args.common, args.if_version);
    body.insert("identity_id".into(), json!(identity(client, &args.account).await?));
    match (&args.person, &args.new) {
        (Some(reference), _) => body.insert("person_id".into(), json!(person(client, reference).await?)),
        (None, name) => {
            let name = name.as_deref().filter(|name| !name.is_empty());
            body.insert("new_person".into(), json!({"display_name": name}))
        }
    };
    send(client, "remap", body, json).await
}

pub async fn split(client: &ApiClient, args: &SplitArgs, json: bool) -> CliResult {
    let mut body = body(&args.common, args.if_version);
    body.insert("person_id".into(), json!(person(client, &args.person).await?));
    let mut ids = Vec::new();
    for reference in &args.accounts {
        ids.push(identity(client, reference).await?);
    }
    body.insert("identity_ids".into(), json!(ids));
    body.insert("display_name".into(), json!(args.name));
    send(client, "split", body, json).await
}

pub async fn merge(client: &ApiClient, args: &MergeArgs, json: bool) -> CliResult {
    let mut body = body(&args.common, args.if_version);
    body.insert("person_id".into(), json!(person(client, &args.person).await?));
    body.insert("other_person_id".into(), json!(person(client, &args.other).await?));
    if let Some(version) = args.if_other_version {
        body.insert("expected_other_version".into(), json!(version));
    }
    send(client, "merge", body, json).await
}

pub async fn never(client: &ApiClient, args: &NeverArgs, json: bool) -> CliResult {
    let mut body = body(&args.common, None);
    let (field, ids) = if args.people {
        ("person_ids", [person(client, &args.one).await?, person(client, &args.other).await?])
    } else {
        ("identity_ids", [identity(client, &args.one).await?, identity(client, &args.other).await?])
    };
    body.insert(field.into(), json!(ids));
    send(client, "never", body, json).await
}

pub async fn undo(client: &ApiClient, args: &UndoArgs, json: bool) -> CliResult {
    let mut body = body(&args.common, None);
    body.insert("decision_id".into(), json!(args.decision));
    send(client, "undo", body, json).await
}

pub async fn bulk_confirm(client: &ApiClient, args: &BulkArgs, json: bool) -> CliResult {
    let mut body = body(&args.common, None);
    body.insert("min_confidence".into(), json!(args.min_confidence));
    body.insert("source".into(), json!(args.source));
    body.insert("dry_run".into(), json!(true));
    let path = "team/identity-mappings/bulk-confirm";
    let plan = client.post(path, Some(&Value::Object(body.clone()))).await?;
    if !args.apply {
        return if json { print_json(&plan) } else { show_plan(&plan) };
    }
    body.insert("dry_run".into(), json!(false));
    body.insert("token".into(), plan["token"].clone());
    if plan["count"] == 0 {
        return if json { print_json(&plan) } else { print("No link is that sure: nothing was done.") };
    }
    let done = client.post(path, Some(&Value::Object(body))).await?;
    if json {
        return print_json(&done);
    }
    let of = |at: &str| done.pointer(at).and_then(Value::as_u64).unwrap_or_default();
    let tied = match of("/decided/decision/identities_count").saturating_sub(of("/count")) {
        0 => String::new(),
        tied => format!(", and {tied} of the same people that they are tied to"),
    };
    print(&format!("Confirmed {} accounts{tied}.", number(&done, "/count")))?;
    show_decided(&done["decided"])
}

fn show_plan(plan: &Value) -> CliResult {
    print(&format!("{} accounts of {} people would be confirmed.", number(plan, "/count"), number(plan, "/people")))?;
    let sample = plan["sample"].as_array().map(Vec::as_slice).unwrap_or_default();
    for row in sample {
        let sure = sure(row);
        print(&format!("  {sure} {} {} is {}", text(row, "/source"), text(row, "/account_name"), text(row, "/person_name")))?;
    }
    if plan["count"].as_u64() > Some(sample.len() as u64) {
        print("  …")?;
    }
    if plan["count"] != 0 {
        eprintln!("Nothing was done: add --apply to confirm them.");
    }
    Ok(())
}

fn body(common: &Common, if_version: Option<i64>) -> Map<String, Value> {
    let mut body = Map::new();
    if let Some(why) = &common.why {
        body.insert("reason".into(), json!(why));
    }
    if let Some(version) = if_version {
        body.insert("expected_version".into(), json!(version));
    }
    body
}

async fn send(client: &ApiClient, verb: &str, body: Map<String, Value>, json: bool) -> CliResult {
    let decided = client.post(&format!("team/identity-mappings/{verb}"), Some(&Value::Object(body))).await?;
    if json { print_json(&decided) } else { show_decided(&decided) }
}

/// What was decided, and how to take it back.
fn show_decided(decided: &Value) -> CliResult {
    let id = text(decided, "/decision/id");
    let changed = decided["people_changed"].as_array().map_or(0, Vec::len);
    let overruled = decided["overruled"].as_array().map(Vec::as_slice).unwrap_or_default();
    let brief = |one: &Value| format!("{} ({} of {})", text(one, "/id"), text(one, "/kind"), text(one, "/actor"));
    let mut rows = vec![
        ("decision", format!("{id} ({})", text(decided, "/decision/kind"))),
        ("person", text(decided, "/person_id")),
        ("people changed", changed.to_string()),
        ("matching run", text(decided, "/run_id")),
    ];
    if !overruled.is_empty() {
        rows.push(("goes over", overruled.iter().map(brief).collect::<Vec<_>>().join(", ")));
    }
    rows.push(("take it back", format!("ovia people undo {id}")));
    print(&pairs(&rows))
}

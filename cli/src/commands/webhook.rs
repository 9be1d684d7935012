//! `ovia connections webhook`: set a connection's webhook, show what comes in, remove it.

use clap::Args;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{credentials::secret_in, reference};
use crate::{
    client::ApiClient,
    exit::CliResult,
    output::{number, pairs, print, print_json, short_time, text},
};

#[derive(Debug, Args)]
pub struct WebhookArgs {
    /// The connection's name or id.
    connection: String,
    /// Make a new secret and show it, this once; the old one is refused from then on.
    #[arg(long, conflicts_with = "remove")]
    set: bool,
    /// Set the secret that this environment variable holds: one that was made at the source.
    #[arg(long, value_name = "VARIABLE", conflicts_with = "remove")]
    secret_env: Option<String>,
    /// Forget the secret: every delivery is refused.
    #[arg(long)]
    remove: bool,
}

pub async fn run(client: &ApiClient, args: &WebhookArgs, json: bool) -> CliResult {
    let connection = reference::connection(client, &args.connection).await?;
    let id = text(&connection, "/id");
    let path = format!("connections/{id}/webhook");
    if args.remove {
        client.delete(&path).await?;
        let name = text(&connection, "/name");
        return if json { print_json(&json!({"id": id, "removed": true})) } else { print(&format!("Removed the webhook of {name}.")) };
    }
    if args.set || args.secret_env.is_some() {
        let body = match &args.secret_env {
            Some(variable) => json!({"secret": secret_in(variable, "the webhook's secret")?.expose_secret()}),
            None => json!({}),
        };
        let set = client.put(&path, &body).await?;
        return if json {
            print_json(&set)
        } else {
            print(&pairs(&[("url", text(&set, "/url")), ("path", text(&set, "/path")), ("secret", text(&set, "/secret"))]))
        };
    }
    let webhook = client.get(&path, &[]).await?;
    if json { print_json(&webhook) } else { show(&webhook) }
}

fn show(webhook: &Value) -> CliResult {
    print(&pairs(&[
        ("url", text(webhook, "/url")),
        ("secret set", short_time(webhook, "/updated_at")),
        ("last delivery", short_time(webhook, "/last_delivery_at")),
    ]))?;
    for count in webhook["deliveries"].as_array().into_iter().flatten() {
        print(&format!("{} {} {}", number(count, "/deliveries"), text(count, "/kind"), text(count, "/state")))?;
    }
    Ok(())
}

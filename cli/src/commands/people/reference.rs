//! People and accounts as people name them.

use serde_json::Value;
use uuid::Uuid;

use crate::{
    client::ApiClient,
    exit::{CliError, CliResult, Exit},
    output::text,
};

/// The id of the person called `reference`: an id, an e-mail address, or a name that only one has.
pub async fn person(client: &ApiClient, reference: &str) -> CliResult<Uuid> {
    if let Ok(id) = reference.parse() {
        return Ok(id);
    }
    let found = client.get_all("team/people", &[("q", reference.to_owned())]).await?;
    let called = |person: &&Value| is(&person["display_name"], reference) || is(&person["primary_email"], reference);
    let exactly: Vec<&Value> = found.iter().filter(called).collect();
    let chosen = if exactly.is_empty() { found.iter().collect() } else { exactly };
    one(&chosen, reference, "person", described, "ovia people list")
}

/// The id of the account called `reference`: an id, or `SOURCE:NAME` with its user name or e-mail address; else its display name,
/// which is all that lists show of an account without a user name.
pub async fn identity(client: &ApiClient, reference: &str) -> CliResult<Uuid> {
    if let Ok(id) = reference.parse() {
        return Ok(id);
    }
    let Some((source, name)) = reference.split_once(':') else {
        return Err(CliError::usage(format!("`{reference}` is not an account"))
            .hint("Give its id (`ovia people mappings` shows them), or its source and user name, as gitlab:mira."));
    };
    let name = name.trim_start_matches('@');
    let found = client.get_all("identities", &[("q", name.to_owned())]).await?;
    let called = |fields: &'static [&'static str]| -> Vec<&Value> {
        found.iter().filter(|account| is(&account["source"], source) && fields.iter().any(|field| is(&account[*field], name))).collect()
    };
    let exactly = called(&["username", "email"]);
    let chosen = if exactly.is_empty() { called(&["display_name"]) } else { exactly };
    one(&chosen, reference, "account", described, "ovia people mappings")
}

/// `Bo Diaz, bo@acme.example (018f…)`: people of one name are told apart by their address, if anything.
fn described(row: &Value) -> String {
    let address = ["/primary_email", "/email"].iter().map(|at| text(row, at)).find(|address| !address.is_empty());
    let address = address.map(|address| format!(", {address}")).unwrap_or_default();
    format!("{}{address} ({})", text(row, "/display_name"), text(row, "/id"))
}

fn is(value: &Value, name: &str) -> bool {
    value.as_str().is_some_and(|value| value.to_lowercase() == name.to_lowercase())
}

fn one(chosen: &[&Value], reference: &str, thing: &str, describe: impl Fn(&Value) -> String, lists: &str) -> CliResult<Uuid> {
    let id = |row: &Value| row["id"].as_str().and_then(|id| id.parse().ok());
    match chosen {
        [] => Err(CliError::new(Exit::NotFound, format!("there is no {thing} `{reference}`")).hint(format!("`{lists}` lists them."))),
        [only] => id(only).ok_or_else(|| CliError::failure(format!("the API answered a {thing} without an id"))),
        several => {
            let names: Vec<String> = several.iter().take(5).map(|row| describe(row)).collect();
            Err(CliError::new(Exit::Conflict, format!("`{reference}` may be each of {}: {}", several.len(), names.join(", ")))
                .hint("Give the id of the one that is meant."))
        }
    }
}

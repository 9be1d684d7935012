//! `ovia kpi explain`: what a metric means and what its value is made of.

use serde_json::{Value, json};

use super::{days, metric_path, notes};
use crate::{
    client::ApiClient,
    exit::CliResult,
    output::{number, pairs, print, print_json, short_time, text},
};

pub async fn run(client: &ApiClient, metric: &str, window: &Option<String>, scope: Vec<(&'static str, String)>, json: bool) -> CliResult {
    let definition: Value = client.get(&metric_path(metric, "definition"), &[]).await?;
    let mut query = scope;
    query.push(("metric", metric.to_owned()));
    query.extend(window.clone().map(|window| ("window", window)));
    let page: Value = client.get("team/kpi", &query).await?;
    let mut newest = page["items"][0].clone();
    if json {
        return print_json(&json!({"definition": definition, "newest": newest}));
    }
    days::put(client, std::slice::from_mut(&mut newest)).await?;
    let value = match newest["value"].is_null() {
        true => format!("no data ({})", text(&definition, "/no_data")),
        false => format!("{} {}", number(&newest, "/value"), text(&newest, "/unit")),
    };
    let sentences = newest["quality"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut lines = vec![
        ("metric", format!("{} ({})", text(&definition, "/name"), text(&definition, "/metric"))),
        ("means", text(&definition, "/formula")),
        ("leaves out", text(&definition, "/filters")),
        ("no data", text(&definition, "/no_data")),
        ("better", text(&definition, "/direction").replace('_', " ")),
        ("made of rows by", text(&definition, "/aggregate")),
        ("bands", bands(&definition)),
        ("bands by", text(&definition, "/bands_owner")),
        ("reference", text(&definition, "/reference")),
        ("version", number(&definition, "/version")),
        ("newest value", format!("{value}{}", notes::mark(&newest))),
    ];
    lines.extend(sentences.iter().map(|note| ("!", text(note, "/sentence"))));
    lines.extend([
        ("band", text(&newest, "/band")),
        ("window", format!("{} to {}", days::day(&newest, "first"), days::day(&newest, "last"))),
        ("rows", number(&newest, "/row_count")),
        ("further figures", named(&newest["stats"])),
        ("coverage", named(&newest["coverage"])),
        ("built on data of", short_time(&newest, "/inputs_at")),
        ("computed at", short_time(&newest, "/computed_at")),
        ("rows at", text(&newest, "/rows_path")),
    ]);
    print(&pairs(&lines))
}

/// `elite ≤ 24, high ≤ 168, low above`.
fn bands(definition: &Value) -> String {
    let bands = definition["bands"].as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |band: &Value| match band["up_to"].is_null() {
        true => format!("{} above", text(band, "/label")),
        false => format!("{} ≤ {}", text(band, "/label"), number(band, "/up_to")),
    };
    bands.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// `p75 3.2, p90 8`; lists and objects are left out.
fn named(values: &Value) -> String {
    let Some(values) = values.as_object() else { return String::new() };
    let shown = values.iter().filter(|(_, value)| value.is_number() || value.is_boolean() || value.is_string());
    let one = |(name, value): (&String, &Value)| match value.as_f64() {
        Some(_) => format!("{name} {}", number(&json!({"v": value}), "/v")),
        None => format!("{name} {}", text(&json!({"v": value}), "/v")),
    };
    shown.map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_and_figures_are_told_in_words() {
        let definition = json!({"bands": [{"label": "elite", "up_to": 24.0, "score": 100}, {"label": "low", "up_to": null, "score": 0}]});
        assert_eq!(bands(&definition), "elite ≤ 24, low above");
        assert_eq!(named(&json!({"p75": 3.25, "partial": true, "list": [1]})), "p75 3.25, partial true");
    }
}

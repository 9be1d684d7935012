//! What every list command shares: paging options, and printing a page as JSON or as a table.

use clap::Args;
use serde_json::{Value, json};

use crate::{
    client::{ApiClient, page_of},
    exit::CliResult,
    output::{Column, print, print_json, table},
};

#[derive(Debug, Args)]
pub struct Paging {
    /// Rows to show, 1 to 200.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200), value_name = "N")]
    limit: u32,
    /// Go on after an earlier page (its `next_cursor`).
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// All rows.
    #[arg(long, conflicts_with_all = ["limit", "cursor"])]
    all: bool,
}

impl Paging {
    /// The rows that were asked for, and the cursor of the next ones.
    pub async fn fetch(&self, client: &ApiClient, path: &str, query: &[(&str, String)]) -> CliResult<(Vec<Value>, Option<String>)> {
        if self.all {
            return Ok((client.get_all(path, query).await?, None));
        }
        let mut query = query.to_vec();
        query.push(("limit", self.limit.to_string()));
        query.extend(self.cursor.clone().map(|cursor| ("cursor", cursor)));
        Ok(page_of(client.get(path, &query).await?))
    }
}

/// A list resource and how its rows are shown.
pub struct Listing<'a> {
    pub path: &'a str,
    pub query: Vec<(&'a str, String)>,
    pub columns: &'a [Column],
    pub when_empty: &'a str,
}

impl Listing<'_> {
    /// Fetches and prints one page, or all of them.
    pub async fn show(&self, client: &ApiClient, paging: &Paging, json: bool) -> CliResult {
        let (items, next_cursor) = self.fetch(client, paging).await?;
        self.print(&items, next_cursor, json)
    }

    /// Fetches one page, or all of them.
    pub async fn fetch(&self, client: &ApiClient, paging: &Paging) -> CliResult<(Vec<Value>, Option<String>)> {
        paging.fetch(client, self.path, &self.query).await
    }

    /// Prints rows that are here already.
    pub fn print(&self, items: &[Value], next_cursor: Option<String>, json: bool) -> CliResult {
        if json {
            return print_json(&json!({"items": items, "next_cursor": next_cursor}));
        }
        print(&table(items, self.columns, self.when_empty))?;
        if let Some(cursor) = next_cursor {
            eprintln!("There are more: add --all, or --cursor {cursor}");
        }
        Ok(())
    }
}

/// `name=value` for filters that were given.
pub fn filters<'a>(pairs: &[(&'a str, &Option<String>)]) -> Vec<(&'a str, String)> {
    pairs.iter().filter_map(|(name, value)| Some((*name, (*value).clone()?))).collect()
}

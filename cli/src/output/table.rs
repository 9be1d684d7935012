//! Tables. In a terminal they fit its width; in a pipe every row is one line.

use std::io::IsTerminal;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

/// A column: its title, and how a row's cell is made.
pub struct Column {
    pub title: &'static str,
    pub cell: fn(&Value) -> String,
}

/// A table of `rows`; a sentence instead of an empty one.
pub fn table(rows: &[Value], columns: &[Column], when_empty: &str) -> String {
    if rows.is_empty() {
        return when_empty.to_owned();
    }
    let mut table = plain();
    table.set_header(columns.iter().map(|column| column.title));
    for row in rows {
        table.add_row(columns.iter().map(|column| (column.cell)(row)));
    }
    table.trim_fmt()
}

/// Names and values, one pair a line; pairs without a value are left out.
pub fn pairs(pairs: &[(&str, String)]) -> String {
    let mut table = plain();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        table.add_row([*name, value.as_str()]);
    }
    table.trim_fmt()
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::text;
    use serde_json::json;

    #[test]
    fn rows_and_the_lack_of_them() {
        let columns = [Column { title: "NAME", cell: |row| text(row, "/name") }, Column { title: "N", cell: |row| text(row, "/n") }];
        let out = table(&[json!({"name": "a", "n": 1}), json!({"name": "long name"})], &columns, "nothing");
        let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines, [vec!["NAME", "N"], vec!["a", "1"], vec!["long", "name"]]);
        assert_eq!(table(&[], &columns, "nothing"), "nothing");
    }
}

//! `docs/metrics.md`, written from the registry, so that the document cannot say anything else than the code.

use std::fmt::Write as _;

use ovia_domain::Direction;

use crate::{
    MetricEntry, REGISTRY,
    windows::{MAX_MONTHS, MAX_WEEKS},
};

/// The metrics document, in Markdown.
pub fn render_markdown() -> String {
    let mut out = String::new();
    // writing to a String cannot fail
    let _ = write_document(&mut out);
    out
}

fn write_document(out: &mut String) -> std::fmt::Result {
    out.push_str("<!-- Generated from the registry in kpi/. Refresh with: UPDATE_DOCS=1 cargo test -p ovia-kpi -->\n\n# Metrics\n\n");
    writeln!(
        out,
        "Every figure is stored with the version of the definition that produced it, its window, what was left out, and the ids of the rows\n\
         it was counted from. No data is `null`, never 0.\n\n\
         **Windows** are half-open `[start, end)` spans of UTC days: `trailing_30_days` (the 30 days that end with today), `week` (ISO week, from\n\
         Monday 00:00) and `month` (calendar month); the newest {MAX_WEEKS} weeks and {MAX_MONTHS} months. A window that still goes on has\n\
         `partial: true` in its coverage.\n\n\
         **Scopes** are the organisation and each project.\n\n\
         **Medians and percentiles** are linear interpolations between neighbours, at position (n − 1)·p.\n\n\
         **Bots** are accounts the source or its naming rules call bots; unknown accounts count as human.\n"
    )?;
    out.push_str("| key | what | unit | better | version |\n|---|---|---|---|---|\n");
    for entry in REGISTRY {
        let definition = &entry.definition;
        let (key, name, unit, version) = (definition.key, definition.name, definition.unit, definition.version);
        writeln!(out, "| [`{key}`](#{key}) | {name} | {unit} | {} | {version} |", better(definition.direction))?;
    }
    REGISTRY.iter().try_for_each(|entry| write_entry(out, entry))
}

fn write_entry(out: &mut String, entry: &MetricEntry) -> std::fmt::Result {
    let definition = &entry.definition;
    writeln!(out, "\n## {}\n", definition.key)?;
    writeln!(out, "{}\n", definition.formula)?;
    writeln!(out, "- **Left out**: {}", definition.filters)?;
    writeln!(out, "- **No data**: {}", definition.no_data)?;
    writeln!(out, "- **Unit**: {}; {}", definition.unit, better(definition.direction))?;
    writeln!(out, "- **Rows**: ids of `{}`", entry.row_table)?;
    write_names(out, "Stats", entry.stats)?;
    write_names(out, "Coverage", entry.coverage)?;
    let inputs: Vec<String> = definition.inputs.iter().map(|input| format!("`{input}`")).collect();
    writeln!(out, "- **Inputs**: {}", inputs.join(", "))?;
    writeln!(out, "- **Reference**: {}", definition.reference)
}

fn write_names(out: &mut String, title: &str, names: &[(&str, &str)]) -> std::fmt::Result {
    let names: Vec<String> = names.iter().map(|(name, meaning)| format!("`{name}` ({meaning})")).collect();
    if names.is_empty() { Ok(()) } else { writeln!(out, "- **{title}**: {}", names.join(", ")) }
}

fn better(direction: Direction) -> &'static str {
    match direction {
        Direction::HigherIsBetter => "higher is better",
        Direction::LowerIsBetter => "lower is better",
        Direction::Neutral => "neither is better",
    }
}

//! `docs/metrics.md`, written from the registry, so that the document cannot say anything else than the code.

use std::fmt::Write as _;

use ovia_domain::Aggregate;

use crate::{
    MetricEntry, REGISTRY, RowsOf, banded_keys, published_bands,
    windows::{MAX_DAYS, MAX_MONTHS, MAX_QUARTERS, MAX_WEEKS},
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
        "Every figure is stored with the version of the definition that produced it, its window, what was left out, the ids of the rows \
        it was\n\
         counted from and what each of them contributes. No data is `null`, never 0.\n\n\
         **Windows** are half-open `[start, end)` spans of days in the organisation's time zone: `trailing_30_days` (the 30 days that end with\n\
         today), `day`, `week` (ISO week, from Monday 00:00), `month` and `quarter` (of the calendar); the newest {MAX_DAYS} days, {MAX_WEEKS} weeks,\n\
         {MAX_MONTHS} months and {MAX_QUARTERS} quarters. Days have 23 or 25 hours where clocks are changed. A window that still goes on has\n\
         `partial: true` in its coverage.\n\n\
         **Scopes** are the organisation, each project, each team and each person. A code host's project is one repository, a tracker's project\n\
         is a project of work items: both are `project`. A row belongs to its project, to the person behind its author (a work item: its\n\
         assignee) and to the teams that person was in when it counts; a state, to the teams of the moment it is looked at. An account nobody\n\
         is linked to is a person of its own, and no scope.\n\n\
         **Medians and percentiles** are linear interpolations between neighbours, at position (n − 1)·p.\n\n\
         **Bots** are accounts the source, its naming rules or their person call bots; unknown accounts count as human.\n\n\
         **Versions**: a definition and what its function answers change with their version only. A build fails where this page is not the registry's,\n\
         and where the words of a definition, or any figure, stat, share or row of a fixed set of facts (in two time zones, with two sets of settings),\n\
         are not those on record for its version (`kpi/tests/registry/golden.json`). Besides, the demo company computes every metric a second time from\n\
         these words alone (`demo/src/truth/kpi`), and both have to agree in every scope and window.\n"
    )?;
    out.push_str("| key | what | unit | better | version |\n|---|---|---|---|---|\n");
    for entry in REGISTRY {
        let definition = &entry.definition;
        let (key, name, unit, version) = (definition.key, definition.name, definition.unit, definition.version);
        writeln!(out, "| [`{key}`](#{key}) | {name} | {unit} | {} | {version} |", definition.direction.words())?;
    }
    REGISTRY.iter().try_for_each(|entry| write_entry(out, entry))?;
    out.push_str(INCIDENTS);
    Ok(())
}

const INCIDENTS: &str = "
## Incidents and deployments

An item is an incident if its type or one of its labels is one of the configured ones (`incident_types`, `incident_labels`), or if a
configured filter (`incident_filters`) is about it: `project = OPS AND priority in (P1, P2) AND NOT labels = drill`. Fields are `project`
(its full path; of Jira its key), `type`, `status`, `priority`, `labels`, `component`; operators `=`, `!=`, `in (…)`, `not in (…)`, `is empty`,
`is not empty`; between them AND, OR, NOT and parentheses. As in JQL case does not matter, and `!=` and `not in` do not match an empty field. What
GitLab's issues have no such field for is empty. It is put down to one successful production deployment
that had finished when the incident was created, by the first of these rules that finds one; each answer is kept with its rule and confidence.
A merge request is an incident's if one names the other: by a work item's key in its title, branch, description or commits; of an issue of the
code host, by `#12` in the title, or by a branch that begins with `12-`, in the same project.

| rule | which deployment | confidence |
|---|---|---|
| `override` | the one a person named, or none | 1 |
| `merge_request_link` | the last of those that brought a merge request of the incident | 0.9 |
| `same_service` | the nearest of the incident's project, or of the projects of its components and labels, within 24 hours (a setting) before it | 0.7 if it is the only one, else 0.5 |
| `revert` | the last of those that brought a merge request which one of the incident takes back | 0.8 |
| `hotfix` | the nearest of the project of a hotfix of the incident, within 24 hours (a setting) before the incident | 0.4 |
";

fn write_entry(out: &mut String, entry: &MetricEntry) -> std::fmt::Result {
    let definition = &entry.definition;
    writeln!(out, "\n## {}\n", definition.key)?;
    writeln!(out, "{}\n", definition.formula)?;
    writeln!(out, "- **Left out**: {}", definition.filters)?;
    writeln!(out, "- **No data**: {}", definition.no_data)?;
    writeln!(out, "- **Unit**: {}; {}", definition.unit, definition.direction.words())?;
    match definition.aggregate {
        Aggregate::Composite => writeln!(out, "- **Rows**: none of its own; it is made of the figures it names")?,
        aggregate => {
            let (table, aggregate) = (entry.row_table.as_str(), aggregate.as_str());
            writeln!(out, "- **Rows**: ids of `{table}`; the figure is the {aggregate} of their values. {}", longer(entry.rows_of))?;
        }
    }
    write_names(out, "Stats", entry.stats)?;
    write_names(out, "Coverage", entry.coverage)?;
    let inputs: Vec<String> = definition.inputs.iter().map(|input| format!("`{input}`")).collect();
    writeln!(out, "- **Inputs**: {}", inputs.join(", "))?;
    writeln!(out, "- **Reference**: {}", definition.reference)?;
    banded_keys().filter(|key| key.split('.').next() == Some(definition.key.as_str())).try_for_each(|key| write_bands(out, key))
}

fn write_bands(out: &mut String, key: &str) -> std::fmt::Result {
    let Some(bands) = published_bands(key) else { return Ok(()) };
    writeln!(out, "\nBands of `{key}` ({}):\n\n| band | up to | score |\n|---|---|---|", bands.owner)?;
    bands.bands.iter().try_for_each(|band| {
        let end = band.up_to.map_or("any".to_owned(), |end| end.to_string());
        writeln!(out, "| {} | {end} | {} |", band.label, band.score)
    })
}

fn write_names(out: &mut String, title: &str, names: &[(&str, &str)]) -> std::fmt::Result {
    let names: Vec<String> = names.iter().map(|(name, meaning)| format!("`{name}` ({meaning})")).collect();
    if names.is_empty() { Ok(()) } else { writeln!(out, "- **{title}**: {}", names.join(", ")) }
}

fn longer(rows_of: RowsOf) -> &'static str {
    match rows_of {
        RowsOf::Days => "A longer window has the rows of its days",
        RowsOf::LastDay => "A longer window has the rows of its last day",
        RowsOf::Window => "A longer window has rows of its own, whose values are not those of its days",
    }
}

//! How a number opens to its rows: the SQL of the store, written from the registry. The committed files are compared with it in CI.

use ovia_domain::RowTable;

use crate::{REGISTRY, RowsOf};

/// What people call a row (`!12`, `WEB-7`), and its title, as SQL over the row `t`; `None` where figures have no rows.
fn called(table: RowTable) -> Option<(&'static str, &'static str)> {
    match table {
        RowTable::MergeRequests => Some(("'!' || t.number", "t.title")),
        RowTable::Pipelines => Some(("'#' || t.external_id", "t.git_ref")),
        RowTable::Deployments => Some(("'#' || coalesce(t.number::text, t.external_id)", "t.environment_name")),
        RowTable::WorkItems => Some(("t.key", "t.title")),
        RowTable::Versions => Some(("null", "t.name")),
        RowTable::KpiSnapshots => None,
    }
}

/// The drill-down query of metrics whose rows are of `table`: `store/src/kpi/rows_<table>.sql`. $1 organisation, $2 snapshot, $3 and $4 the day and
/// the id behind which the page begins (null: from the first on), $5 at most so many.
pub fn rows_query(table: RowTable) -> String {
    let metrics: Vec<&str> = REGISTRY.iter().filter(|entry| entry.row_table == table).map(|entry| entry.definition.key.as_str()).collect();
    let (columns, joins) = match called(table) {
        Some((reference, title)) => (
            format!("t.connection_id, c.source, t.external_id, pr.full_path as project, {reference} as reference, {title} as title, t.url"),
            format!(
                "\nleft join {} t on t.org_id = $1 and t.id = r.row_id\nleft join connections c on c.id = t.connection_id\n\
                 left join projects pr on pr.connection_id = t.connection_id and pr.external_id = t.project_external_id",
                table.as_str()
            ),
        ),
        None => (
            "null::uuid as connection_id, null as source, null as external_id, null as project, null as reference, null as title, null as url"
                .to_owned(),
            String::new(),
        ),
    };
    format!(
        "-- Generated from the registry in kpi/, for {}. Refresh with: UPDATE_DOCS=1 cargo test -p ovia-kpi\n\
         with r as materialized (\n    select row_id, row_value, day from kpi_rows_page($1, $2, $3, $4, $5)\n)\n\
         select r.row_id, r.row_value, r.day as counted_on, {columns}\nfrom r{joins}\norder by r.day, r.row_id\n",
        metrics.join(", ")
    )
}

/// Which metrics' windows have the rows of their last day, as the migrations have to say it.
pub fn last_day_function() -> String {
    let states: Vec<String> =
        REGISTRY.iter().filter(|entry| entry.rows_of == RowsOf::LastDay).map(|entry| format!("'{}'", entry.definition.key)).collect();
    format!(
        "create or replace function kpi_rows_of_last_day(metric text) returns boolean\nlanguage sql immutable parallel safe as $$ select metric in ({}) $$;\n",
        states.join(", ")
    )
}

/// The registry in a few lines for each metric, in Markdown: the API's description of a metric's key.
pub fn describe_keys() -> String {
    let mut out = "A metric's key. Words in full: `GET /team/kpi/{metric}/definition`.\n".to_owned();
    for entry in REGISTRY {
        let definition = &entry.definition;
        out.push_str(&format!(
            "\n- `{}` (version {}; {}; {}): {} No data: {}",
            definition.key,
            definition.version,
            definition.unit,
            definition.direction.words(),
            definition.formula,
            definition.no_data
        ));
    }
    out
}

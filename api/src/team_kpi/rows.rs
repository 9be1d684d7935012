//! `/team/kpi/{metric}/rows`: from a number to its rows; `/team/kpi/export.csv`: numbers for a spreadsheet.

use std::borrow::Cow;

use chrono::SecondsFormat;
use ovia_domain::MetricKey;
use ovia_kpi::{NoteBook, WindowKind, metric};
use ovia_store::{
    PageToken,
    kpi::{
        read::KpiRow,
        rows::{KpiSourceRow, SnapshotAsked},
    },
};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::{Json, PlainText},
};
use uuid::Uuid;

use super::{
    ask::{self, Asked, Figures, may_see},
    notes::{NoteOut, Noted, note_book, notes},
    types::{Scope, WindowOut},
};
use crate::{auth::Caller, names::Name, page::page, problem::Problem, service::Tag, state::ApiState, time::Time};

pub(crate) struct KpiRowsApi(pub ApiState);

/// Lines of an export, at most.
const EXPORT_LINES: usize = 100_000;

/// The rows of one number.
#[derive(Object)]
#[oai(rename = "KpiRows")]
struct KpiRowsOut {
    metric: String,
    /// Null: no data.
    value: Option<f64>,
    unit: String,
    definition_version: Option<i32>,
    /// `organisation`, `team`, `project` or `person`.
    scope: String,
    scope_id: Option<String>,
    window: WindowOut,
    kpi_snapshot_id: Option<i64>,
    /// How many rows there are, over all pages.
    row_count: i32,
    /// The table they are of.
    row_table: String,
    /// How their values make `value`: `sum`, `mean`, `median`, `maximum`; `composite` is made of other figures.
    aggregate: String,
    /// Why the number is to be read with care, as GET /team/kpi has it.
    quality: Vec<NoteOut>,
    items: Vec<KpiRowOut>,
    next_cursor: Option<String>,
}

/// A row that was counted.
#[derive(Object)]
#[oai(rename = "KpiSourceRow")]
struct KpiRowOut {
    id: i64,
    /// What it adds to the figure, in the figure's unit; null where the figure has no part of its own for each row.
    value: Option<f64>,
    /// The start of the day it counts on; for figures of a moment, of the window.
    counted_on: Time,
    connection_id: Option<Uuid>,
    source: Option<String>,
    external_id: Option<String>,
    /// The project's full path.
    project: Option<String>,
    /// As people call it: `!12`, `WEB-7`, `#314`.
    reference: Option<String>,
    title: Option<String>,
    /// The source's page.
    url: Option<String>,
}

/// A CSV file.
#[derive(ApiResponse)]
enum CsvFile {
    /// CSV in UTF-8 with CRLF, the first line the header. Cells that a spreadsheet would take for a formula begin with `'`.
    #[oai(status = 200, content_type = "text/csv; charset=utf-8")]
    Csv(PlainText<String>, #[oai(header = "content-disposition")] String),
}

#[OpenApi(tag = "Tag::Team")]
impl KpiRowsApi {
    /// The rows behind a number
    ///
    /// Exactly those that were counted, each with its page in the source and what it adds: `aggregate` of all their values is `value`.
    #[oai(path = "/team/kpi/:metric/rows", method = "get", operation_id = "kpi_rows")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn rows(
        &self,
        caller: Caller,
        metric: Path<Name<MetricKey>>,
        /// One snapshot by its id. Instead of everything below.
        kpi_snapshot_id: Query<Option<i64>>,
        /// One project: its full path or its id in the source. The organisation, if neither it nor a team or person is given.
        project: Query<Option<String>>,
        /// One team: its name or id.
        team: Query<Option<String>>,
        /// One person's id.
        person: Query<Option<String>>,
        /// Default `trailing_30_days`.
        window: Query<Option<Name<WindowKind>>>,
        /// The window that this moment lies in; the newest one if it is not given.
        at: Query<Option<Time>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<KpiRowsOut>, Problem> {
        let key = metric.0.0;
        let (store, org) = (&self.0.config.store, caller.org_id());
        let kind = window.0.map_or(WindowKind::Trailing30Days, |name| name.0);
        let (head, book) = if let Some(id) = kpi_snapshot_id.0 {
            let head = store.kpi_snapshot(org, id).await?.filter(|head| head.metric == key.as_str());
            let head = head.ok_or_else(|| {
                Problem::missing(
                    format!("There is no such figure {id} of {key}."),
                    "GET /team/kpi lists the figures, each with the path of its rows.",
                )
            })?;
            (head, note_book(&self.0, &caller).await?.1)
        } else {
            let asked = Asked { metric: Some(key), scope: None, project: project.0, team: team.0, person: person.0, kind };
            let figures = Figures::begin(&self.0, &caller, &asked).await?;
            let scope = &figures.filter.scope;
            let scope_id = match &scope.one {
                Some(one) => store.kpi_scope(org, scope.kind, one).await?.ok_or_else(|| ask::no_scope(scope.kind, one))?,
                None => String::new(),
            };
            let window = figures.window(&self.0, at.0.map(|time| time.0)).await?;
            let window = window.ok_or_else(|| {
                Problem::missing(
                    "No figures have been computed yet.",
                    "POST /runs with {\"kind\": \"kpi_rollup\"} computes them; syncs do so at their end.",
                )
            })?;
            let asked =
                SnapshotAsked { metric: key, scope_kind: scope.kind, scope_id, window_kind: kind.as_str(), window_start: window.start };
            match store.kpi_snapshot_of(org, &asked).await? {
                Some(head) => (head, figures.book),
                None => return Ok(Json(KpiRowsOut::empty(key, asked, window.end, &figures.book))),
            }
        };
        may_see(&self.0, &caller, &head).await?;
        let rows = store.kpi_source_rows(org, &head, &page(limit.0, cursor.0)).await?;
        let noted = Noted {
            metric: &head.metric,
            scope_kind: &head.scope_kind,
            scope_id: &head.scope_id,
            window_end: head.window_end,
            value: head.value,
            row_count: Some(head.row_count),
            coverage: Some(&head.coverage),
        };
        Ok(Json(KpiRowsOut {
            quality: notes(&book, &noted),
            aggregate: ovia_kpi::metric(key).definition.aggregate.as_str().to_owned(),
            metric: head.metric,
            value: head.value,
            unit: head.unit,
            definition_version: Some(head.definition_version),
            scope: head.scope_kind,
            scope_id: Some(head.scope_id).filter(|id| !id.is_empty()),
            window: WindowOut { kind: head.window_kind, start: head.window_start.into(), end: head.window_end.into() },
            kpi_snapshot_id: Some(head.id),
            row_count: head.row_count,
            row_table: head.row_table,
            items: rows.items.into_iter().map(KpiRowOut::from).collect(),
            next_cursor: rows.next_cursor,
        }))
    }

    /// Numbers for a spreadsheet
    ///
    /// The same rows as GET /team/kpi/history. More than 100,000 lines are refused. No data is an empty cell; `notes` has the codes of
    /// `quality`.
    #[oai(path = "/team/kpi/export.csv", method = "get", operation_id = "kpi_export")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn export(
        &self,
        caller: Caller,
        metric: Query<Option<Name<MetricKey>>>,
        /// The organisation (default), or every project, team or person.
        scope: Query<Option<Scope>>,
        /// One project: its full path or its id in the source.
        project: Query<Option<String>>,
        /// One team: its name or id.
        team: Query<Option<String>>,
        /// One person's id.
        person: Query<Option<String>>,
        /// Default `week`.
        window: Query<Option<Name<WindowKind>>>,
        /// Windows that start at or after this time.
        since: Query<Option<Time>>,
        /// Windows that start before this time.
        until: Query<Option<Time>>,
    ) -> Result<CsvFile, Problem> {
        let kind = window.0.map_or(WindowKind::Week, |name| name.0);
        let asked = Asked { metric: metric.0.map(|name| name.0), scope: scope.0, project: project.0, team: team.0, person: person.0, kind };
        let figures = Figures::begin(&self.0, &caller, &asked).await?;
        let windows = figures.windows(&self.0, since.0.map(|time| time.0), until.0.map(|time| time.0)).await?;
        let scopes = self.0.config.store.kpi_scope_count(caller.org_id(), &figures.filter.scope).await?;
        let all = scopes.saturating_mul(windows.len()).saturating_mul(figures.filter.metrics.len());
        if all > EXPORT_LINES {
            let problem = format!("the export would have {all} lines, and must not have more than {EXPORT_LINES}");
            return Err(Problem::parameter("since", &problem).hint("Ask for one metric, one project, team or person, or fewer windows."));
        }
        let mut text = String::from(
            "metric,scope,scope_id,scope_name,window,window_start,window_end,value,unit,row_count,definition_version,stale,notes\r\n",
        );
        let mut cursor = None;
        loop {
            let rows =
                self.0.config.store.kpi_history(caller.org_id(), &figures.filter, &windows, &PageToken::new(Some(200), cursor)).await?;
            for row in rows.items {
                line(&mut text, &figures, kind, row);
            }
            cursor = rows.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(CsvFile::Csv(PlainText(text), "attachment; filename=\"kpi.csv\"".to_owned()))
    }
}

impl KpiRowsOut {
    /// Of a window without data.
    fn empty(key: MetricKey, asked: SnapshotAsked, end: chrono::DateTime<chrono::Utc>, book: &NoteBook) -> Self {
        let entry = metric(key);
        let noted = Noted {
            metric: key.as_str(),
            scope_kind: asked.scope_kind,
            scope_id: &asked.scope_id,
            window_end: end,
            value: None,
            row_count: None,
            coverage: None,
        };
        Self {
            quality: notes(book, &noted),
            metric: key.as_str().to_owned(),
            value: None,
            unit: entry.definition.unit.to_owned(),
            definition_version: None,
            scope: asked.scope_kind.to_owned(),
            scope_id: Some(asked.scope_id).filter(|id| !id.is_empty()),
            window: WindowOut { kind: asked.window_kind.to_owned(), start: asked.window_start.into(), end: end.into() },
            kpi_snapshot_id: None,
            row_count: 0,
            row_table: entry.row_table.as_str().to_owned(),
            aggregate: entry.definition.aggregate.as_str().to_owned(),
            items: Vec::new(),
            next_cursor: None,
        }
    }
}

fn line(text: &mut String, figures: &Figures, kind: WindowKind, row: KpiRow) {
    let time = |at: chrono::DateTime<chrono::Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let out = figures.out(row);
    let cells = [
        Cow::Borrowed(out.metric.as_str()),
        Cow::Borrowed(&out.scope),
        Cow::Owned(out.scope_id.clone().unwrap_or_default()),
        Cow::Owned(out.scope_name.clone().unwrap_or_default()),
        Cow::Borrowed(kind.as_str()),
        Cow::Owned(time(out.window.start.0)),
        Cow::Owned(time(out.window.end.0)),
    ];
    let mut cells: Vec<String> = cells.iter().map(|cell| quoted(&neutral(cell))).collect();
    // numbers are numbers, also negative ones
    cells.push(out.value.map(|value| value.to_string()).unwrap_or_default());
    cells.push(quoted(&neutral(&out.unit)));
    cells.push(out.row_count.to_string());
    cells.push(out.definition_version.to_string());
    cells.push(out.stale.to_string());
    cells.push(out.quality.iter().map(|note| note.code.as_str()).collect::<Vec<_>>().join(" "));
    text.push_str(&cells.join(","));
    text.push_str("\r\n");
}

/// No spreadsheet takes it for a formula.
fn neutral(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

impl From<KpiSourceRow> for KpiRowOut {
    fn from(row: KpiSourceRow) -> Self {
        Self {
            id: row.row_id,
            value: row.row_value,
            counted_on: row.counted_on.into(),
            connection_id: row.connection_id,
            source: row.source,
            external_id: row.external_id,
            project: row.project,
            reference: row.reference,
            title: row.title,
            url: row.url,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_ends_another() {
        assert_eq!(quoted(&neutral("=HYPERLINK(\"x\",\"y\")")), "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"");
        for text in ["+1", "-1", "@a", "\tx"] {
            assert!(neutral(text).starts_with('\''), "{text:?}");
        }
        assert_eq!(quoted(&neutral("acme/web")), "acme/web");
    }
}

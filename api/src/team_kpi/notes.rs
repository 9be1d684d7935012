//! Notes next to numbers: what is known against the data behind them.

use chrono::{DateTime, Utc};
use ovia_domain::{MetricKey, quality::QualityStatus};
use ovia_kpi::{Note, NoteBook, NotedFigure};
use ovia_store::kpi::state::RolledUp;
use poem_openapi::Object;
use serde_json::Value;
use uuid::Uuid;

use super::ask::{Settings, settings};
use crate::{auth::Caller, names::Name, problem::Problem, state::ApiState, time::Time};

/// Why a number is to be read with care. docs/quality.md says what each code means and from when on.
#[derive(Object)]
#[oai(rename = "KpiNote")]
pub(crate) struct NoteOut {
    /// `stale_data`, `old_figures`, `few_rows`, `unmapped_authors`, `unlinked_deployments`, `incomplete_changelogs`, `missing_parts`, or the
    /// key of a check of GET /team/quality.
    pub code: String,
    /// `warn`: read it with care. `fail`: it is probably wrong.
    severity: Name<QualityStatus>,
    /// What is the matter, as a sentence.
    sentence: String,
    /// Since when; null where it has no beginning.
    since: Option<Time>,
    /// Whose data it is about; null where it is about the number itself.
    connection_id: Option<Uuid>,
    connection_name: Option<String>,
}

/// What notes are told from, read at once and once for all numbers of an answer: the settings, what is known against the data, and how far
/// the numbers are.
pub(super) async fn note_book(state: &ApiState, caller: &Caller) -> Result<(Settings, NoteBook, RolledUp), Problem> {
    let (store, org) = (&state.config.store, caller.org_id());
    let inputs = async { Ok(tokio::try_join!(store.kpi_rolled_up(org), store.kpi_note_inputs(org))?) };
    let (set, (rolled_up, inputs)) = tokio::try_join!(settings(state, caller), inputs)?;
    let book = NoteBook::new(inputs, &set.settings, rolled_up.as_of, Utc::now());
    Ok((set, book, rolled_up))
}

/// What notes are asked for with.
pub(super) struct Noted<'a> {
    pub metric: &'a str,
    pub scope_kind: &'a str,
    pub scope_id: &'a str,
    pub window_end: DateTime<Utc>,
    pub value: Option<f64>,
    pub row_count: Option<i32>,
    pub coverage: Option<&'a Value>,
}

/// The notes of one number; none of a metric that this build does not know.
pub(super) fn notes(book: &NoteBook, of: &Noted<'_>) -> Vec<NoteOut> {
    let Some(metric) = MetricKey::parse(of.metric) else { return Vec::new() };
    let figure = NotedFigure {
        metric,
        scope_kind: of.scope_kind,
        scope_id: of.scope_id,
        window_end: of.window_end,
        value: of.value,
        row_count: of.row_count.unwrap_or_default().into(),
        coverage: of.coverage.unwrap_or(&Value::Null),
    };
    book.of(&figure).into_iter().map(NoteOut::from).collect()
}

/// Whether the number is older than it should be.
pub(super) fn is_stale(notes: &[NoteOut]) -> bool {
    notes.iter().any(|note| matches!(note.code.as_str(), "stale_data" | "old_figures"))
}

impl From<Note> for NoteOut {
    fn from(note: Note) -> Self {
        let (connection_id, connection_name) = note.connection.map(|(id, name)| (id.0, name)).unzip();
        Self {
            code: note.code.to_owned(),
            severity: Name(note.severity),
            sentence: note.sentence,
            since: note.since.map(Time),
            connection_id,
            connection_name,
        }
    }
}

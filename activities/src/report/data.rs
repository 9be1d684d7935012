//! What a report is made from.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use ovia_domain::{MetricKey, OrgId, quality::QualityStatus, report::ReportKind, risk::RiskStatus};
use ovia_kpi::{KpiSettings, NoteBook, NotedFigure};
use ovia_store::{
    PageToken, Store, StoreError,
    quality::{QualityFilter, QualityResultRow},
    reports::SeriesRow,
    risks::{RiskFilter, RiskItemRow},
};

use super::choice;

/// Points of a picture.
const POINTS: i64 = 12;
/// Risks and results that are shown; of more, the first.
const ROWS_MAX: u32 = 30;

/// Everything one report shows.
pub struct ReportData {
    pub organisation: String,
    pub kind: ReportKind,
    /// Half-open.
    pub period: (DateTime<Utc>, DateTime<Utc>),
    /// Where days begin.
    pub tz: Tz,
    /// Of the organisation first, then project by project.
    pub figures: Vec<Figure>,
    /// Projects whose figures are not shown; they moved less.
    pub projects_left_out: usize,
    /// Open ones, the most severe first.
    pub risks: Vec<RiskItemRow>,
    pub risks_opened: i64,
    pub risks_resolved: i64,
    /// Warnings and failures of the newest quality run, failures first.
    pub quality: Vec<QualityResultRow>,
    /// When the data was last checked; `None`: never.
    pub checked_at: Option<DateTime<Utc>>,
}

/// A metric over time, and what is known against its newest value.
pub struct Figure {
    pub series: SeriesRow,
    /// As sentences.
    pub notes: Vec<String>,
}

/// What a report is asked for.
pub struct Asked<'a> {
    pub kind: ReportKind,
    pub period: (DateTime<Utc>, DateTime<Utc>),
    pub settings: &'a KpiSettings,
    /// The moment it is written for.
    pub as_of: DateTime<Utc>,
}

/// The windows whose figures a report shows.
fn window_kind(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Daily => "trailing_30_days",
        ReportKind::Weekly => "week",
    }
}

pub async fn gather(store: &Store, org: OrgId, asked: &Asked<'_>) -> Result<ReportData, StoreError> {
    let (kind, period) = (asked.kind, asked.period);
    let page = PageToken::new(Some(ROWS_MAX), None);
    let open = RiskFilter { status: Some(RiskStatus::Open), ..RiskFilter::default() };
    let (risks_opened, risks_resolved) = store.report_risk_counts(org, period).await?;
    let of = |status| QualityFilter { latest: true, status, ..QualityFilter::default() };
    let mut quality = store.quality_list(org, &of(Some(QualityStatus::Fail)), &page).await?.items;
    quality.extend(store.quality_list(org, &of(Some(QualityStatus::Warn)), &page).await?.items);
    let newest = store.quality_list(org, &of(None), &PageToken::new(Some(1), None)).await?;
    let series = store.report_series(org, window_kind(kind), period.1, POINTS).await?;
    let (series, projects_left_out) = choice::most_changed(series, choice::PROJECTS_MAX);
    let computed_for = store.kpi_rollup_state(org).await?.as_of;
    let book = NoteBook::new(store.kpi_note_inputs(org).await?, asked.settings, computed_for, asked.as_of);
    Ok(ReportData {
        organisation: store.organisation_fetch(org).await?.name,
        kind,
        period,
        tz: asked.settings.tz(),
        figures: series.into_iter().map(|series| Figure { notes: notes(&book, &series), series }).collect(),
        projects_left_out,
        risks: store.risks_list(org, &open, &page).await?.items,
        risks_opened,
        risks_resolved,
        quality,
        checked_at: newest.items.first().map(|row| row.checked_at),
    })
}

fn notes(book: &NoteBook, series: &SeriesRow) -> Vec<String> {
    let Some(metric) = MetricKey::parse(&series.metric) else { return Vec::new() };
    let figure = NotedFigure {
        metric,
        scope_kind: if series.scope_id.is_empty() { "organisation" } else { "project" },
        scope_id: &series.scope_id,
        window_end: series.end,
        value: series.values.last().copied().flatten(),
        row_count: series.row_count.into(),
        coverage: &series.coverage,
    };
    book.of(&figure).into_iter().map(|note| note.sentence).collect()
}

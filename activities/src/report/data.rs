//! What a report is made from.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use ovia_domain::{MetricKey, OrgId, quality::QualityStatus, report::ReportKind, risk::RiskStatus};
use ovia_kpi::{Calendar, KpiSettings, NoteBook, NotedFigure, Window, WindowKind};
use ovia_store::{
    PageToken, Store, StoreError,
    quality::{QualityFilter, QualityResultRow},
    reports::SeriesRow,
    risks::{RiskFilter, RiskItemRow},
};

use super::choice;

/// Points of a picture.
const POINTS: usize = 12;
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
    let mut series = store.report_series(org, window_kind(kind), period.1, POINTS as i64).await?;
    if kind == ReportKind::Weekly {
        let weeks = weeks(period, asked.settings.tz());
        series.iter_mut().for_each(|series| align(series, &weeks, period.1));
        // what has had no data for so long is told of the organisation only
        series.retain(|series| series.project.is_none() || series.values.iter().any(Option::is_some));
    }
    let (series, projects_left_out) = choice::most_changed(series, choice::PROJECTS_MAX);
    let computed_for = store.kpi_rolled_up(org).await?.as_of;
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

/// The starts of the weeks that end with `period`, the oldest first.
fn weeks(period: (DateTime<Utc>, DateTime<Utc>), tz: Tz) -> Vec<DateTime<Utc>> {
    let calendar = Calendar::new(tz);
    let newest = Window { kind: WindowKind::Week, start: period.0, end: period.1 };
    let before = |week: &Window| Some(calendar.previous(week, week.end));
    let mut starts: Vec<DateTime<Utc>> = std::iter::successors(Some(newest), before).take(POINTS).map(|week| week.start).collect();
    starts.reverse();
    starts
}

/// Makes `series` that of `weeks`: there is no row where there is no data, and that is to be seen, not passed over.
fn align(series: &mut SeriesRow, weeks: &[DateTime<Utc>], end: DateTime<Utc>) {
    let value = |start: &DateTime<Utc>| series.starts.iter().position(|at| at == start).and_then(|place| series.values[place]);
    let values = weeks.iter().map(value).collect();
    if series.end != end {
        // that was of an earlier week
        (series.row_count, series.coverage, series.end) = (0, serde_json::Value::Null, end);
    }
    (series.starts, series.values) = (weeks.to_vec(), values);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_week_without_data_is_a_gap_and_not_the_week_before() {
        let period = (at("2026-03-29T22:00:00Z"), at("2026-04-05T22:00:00Z"));
        let weeks = weeks(period, Tz::Europe__Berlin);
        assert_eq!((weeks.len(), weeks[11], weeks[10], weeks[9]), (12, period.0, at("2026-03-22T23:00:00Z"), at("2026-03-15T23:00:00Z")));
        let mut series = SeriesRow {
            metric: "time_to_merge".into(),
            scope_id: String::new(),
            project: None,
            unit: "hours".into(),
            // one of the weeks, and one of another time zone
            starts: vec![at("2026-03-15T23:00:00Z"), at("2026-03-23T00:00:00Z")],
            values: vec![Some(3.0), Some(4.0)],
            end: at("2026-03-30T00:00:00Z"),
            row_count: 7,
            coverage: serde_json::json!({"rows": 7}),
        };
        align(&mut series, &weeks, period.1);
        assert_eq!((series.values.len(), &series.values[9..]), (12, &[Some(3.0), None, None][..]));
        assert_eq!((series.row_count, series.end), (0, period.1), "what was known was of another week");
    }
}

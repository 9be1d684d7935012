//! What a report is made from.

use chrono::{DateTime, Utc};
use ovia_domain::{OrgId, quality::QualityStatus, report::ReportKind, risk::RiskStatus};
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
    /// Of the organisation first, then project by project.
    pub series: Vec<SeriesRow>,
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

/// The windows whose figures a report shows.
fn window_kind(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Daily => "trailing_30_days",
        ReportKind::Weekly => "week",
    }
}

pub async fn gather(store: &Store, org: OrgId, kind: ReportKind, period: (DateTime<Utc>, DateTime<Utc>)) -> Result<ReportData, StoreError> {
    let page = PageToken::new(Some(ROWS_MAX), None);
    let open = RiskFilter { status: Some(RiskStatus::Open), ..RiskFilter::default() };
    let (risks_opened, risks_resolved) = store.report_risk_counts(org, period).await?;
    let of = |status| QualityFilter { latest: true, status, ..QualityFilter::default() };
    let mut quality = store.quality_list(org, &of(Some(QualityStatus::Fail)), &page).await?.items;
    quality.extend(store.quality_list(org, &of(Some(QualityStatus::Warn)), &page).await?.items);
    let newest = store.quality_list(org, &of(None), &PageToken::new(Some(1), None)).await?;
    let series = store.report_series(org, window_kind(kind), period.1, POINTS).await?;
    let (series, projects_left_out) = choice::most_changed(series, choice::PROJECTS_MAX);
    Ok(ReportData {
        organisation: store.organisation_fetch(org).await?.name,
        kind,
        period,
        series,
        projects_left_out,
        risks: store.risks_list(org, &open, &page).await?.items,
        risks_opened,
        risks_resolved,
        quality,
        checked_at: newest.items.first().map(|row| row.checked_at),
    })
}

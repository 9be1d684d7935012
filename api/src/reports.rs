//! `/reports`: digests of a day or a week, and their text.

use ovia_domain::report::ReportKind;
use ovia_store::reports::ReportRow;
use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi,
    param::{Path, Query},
    payload::{Json, PlainText},
};
use uuid::Uuid;

use crate::{
    auth::Caller,
    names::Name,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
};

/// A report runs nothing and loads nothing: it is styled text with pictures of its own.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// A digest of a day or a week.
#[derive(Object)]
#[oai(rename = "Report")]
struct ReportOut {
    id: Uuid,
    kind: Name<ReportKind>,
    title: String,
    /// What it is about; half-open, from midnight to midnight in `time_zone`.
    period_start: Time,
    period_end: Time,
    /// The organisation's when it was written, as `Europe/Berlin`.
    time_zone: String,
    created_at: Time,
    /// The run that wrote it.
    run_id: Uuid,
    /// Where its text is, on this API.
    content_path: String,
    deliveries: DeliveriesOut,
}

/// What became of its deliveries.
#[derive(Object)]
#[oai(rename = "ReportDeliveryCounts")]
struct DeliveriesOut {
    pending: i64,
    delivered: i64,
    failed: i64,
}

#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "ReportFormat", rename_all = "snake_case")]
enum Format {
    Markdown,
    Html,
}

#[derive(ApiResponse)]
enum Content {
    /// The text, to be saved.
    #[oai(status = 200, content_type = "text/markdown; charset=utf-8")]
    Markdown(PlainText<String>, #[oai(header = "content-disposition")] String, #[oai(header = "x-content-type-options")] String),
    /// The page, to be saved.
    #[oai(status = 200, content_type = "text/html; charset=utf-8")]
    Html(
        PlainText<String>,
        #[oai(header = "content-disposition")] String,
        #[oai(header = "x-content-type-options")] String,
        #[oai(header = "content-security-policy")] String,
    ),
}

pub(crate) struct ReportsApi(pub ApiState);

#[OpenApi(tag = "Tag::Team")]
impl ReportsApi {
    /// List reports, the newest period first
    ///
    /// `report` runs write them, one per day and week.
    #[oai(path = "/reports", method = "get", operation_id = "reports_list")]
    async fn list(
        &self,
        caller: Caller,
        kind: Query<Option<Name<ReportKind>>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<ReportOut>>, Problem> {
        let kind = kind.0.map(|kind| kind.0);
        let rows = self.0.config.store.reports_list(caller.org_id(), kind, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, ReportOut::from))
    }

    /// One report
    #[oai(path = "/reports/:id", method = "get", operation_id = "report_fetch")]
    async fn fetch(&self, caller: Caller, id: Path<Uuid>) -> Result<Json<ReportOut>, Problem> {
        let row = self.0.config.store.report_fetch(caller.org_id(), id.0).await?;
        Ok(Json(row.ok_or_else(|| Problem::not_found("report", id.0))?.into()))
    }

    /// A report's text
    ///
    /// As Markdown or as one HTML page, pictures included.
    #[oai(path = "/reports/:id/content", method = "get", operation_id = "report_content")]
    async fn content(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        /// Default `html`.
        format: Query<Option<Format>>,
    ) -> Result<Content, Problem> {
        let text = self.0.config.store.report_text(caller.org_id(), id.0).await?.ok_or_else(|| Problem::not_found("report", id.0))?;
        // the day as its people call it
        let zone: chrono_tz::Tz = text.time_zone.parse().unwrap_or(chrono_tz::Tz::UTC);
        let day = text.period_start.with_timezone(&zone).date_naive();
        let name = |end: &str| format!("attachment; filename=\"ovia-{}-{day}.{end}\"", text.kind);
        let nosniff = "nosniff".to_owned();
        Ok(match format.0.unwrap_or(Format::Html) {
            Format::Markdown => Content::Markdown(PlainText(text.markdown.clone()), name("md"), nosniff),
            Format::Html => Content::Html(PlainText(text.html.clone()), name("html"), nosniff, POLICY.to_owned()),
        })
    }
}

impl From<ReportRow> for ReportOut {
    fn from(row: ReportRow) -> Self {
        Self {
            id: row.id,
            // the table's checks hold it to the domain's names
            kind: Name(ReportKind::parse(&row.kind).unwrap_or(ReportKind::Weekly)),
            title: row.title,
            period_start: row.period_start.into(),
            period_end: row.period_end.into(),
            time_zone: row.time_zone,
            created_at: row.created_at.into(),
            run_id: row.run_id,
            content_path: format!("/reports/{}/content", row.id),
            deliveries: DeliveriesOut { pending: row.pending, delivered: row.delivered, failed: row.failed },
        }
    }
}

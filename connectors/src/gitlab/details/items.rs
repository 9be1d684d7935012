//! What is fetched per item.

use serde_json::value::RawValue;

use crate::ConnectorError;
use crate::contract::Detail;
use crate::gitlab::client::GitlabClient;
use crate::gitlab::cursor::Position;
use crate::gitlab::normalise::{self, FileSize, Row, RowContext, Rows, SizePayload, file_size, normalise_rows, size_record};
use crate::gitlab::walk::{Key, PageFacts, Step, advance_pages, check_progress};
use crate::gitlab::wire::{Diff, parse_row};
use crate::http::{HttpError, RequestCount, request_text};

/// One queued item.
#[derive(Debug)]
pub struct Item<'a> {
    pub client: &'a GitlabClient,
    pub requests: &'a RequestCount,
    pub page_size: u32,
    /// Accounts seen here are asked about too.
    pub details: bool,
    /// External id of the user, merge request or pipeline.
    pub id: &'a str,
    pub project: &'a str,
}

/// Kept apart from `ConnectorError` because a 404 is no failure here.
#[derive(Debug)]
pub enum ItemError {
    Http(HttpError),
    Connector(ConnectorError),
}

impl Item<'_> {
    pub async fn user(&self) -> Result<Detail, ItemError> {
        self.object(&["users", self.id], normalise::user_detail).await
    }

    pub async fn notes(&self, iid: i64) -> Result<Detail, ItemError> {
        self.merge_request_list(iid, "notes", &[("sort", "asc"), ("order_by", "created_at")], normalise::note).await
    }

    pub async fn commits(&self, iid: i64) -> Result<Detail, ItemError> {
        let mut detail = self.merge_request_list(iid, "commits", &[], normalise::commit).await?;
        // As records are known: a commit does not say which merge request it is in.
        for letter in &mut detail.dead_letters {
            letter.external_id = Some(format!("{}:{}", self.id, letter.external_id.as_deref().unwrap_or_default()));
        }
        Ok(detail)
    }

    pub async fn approvals(&self, iid: i64) -> Result<Detail, ItemError> {
        let iid = iid.to_string();
        self.object(&["projects", self.project, "merge_requests", &iid, "approvals"], normalise::approvals).await
    }

    /// Counts while pages come in, so that no more than a page of diffs is held.
    pub async fn size(&self, iid: i64) -> Result<Detail, ItemError> {
        let iid = iid.to_string();
        let segments = ["projects", self.project, "merge_requests", &iid, "diffs"];
        let mut payload = SizePayload::default();
        let count = |rows: Vec<Box<RawValue>>| {
            payload.files.extend(rows.iter().map(|raw| match parse_row::<Diff>(raw.get()) {
                Ok(diff) => file_size(&diff),
                // A file that cannot be read is still a changed file; the size is a lower bound then.
                Err(_) => FileSize { path: String::new(), additions: 0, deletions: 0, partial: true },
            }));
        };
        self.each_page(&segments, &[], count).await?;
        let record = size_record(self.id, &payload).map_err(|error| {
            ItemError::Connector(ConnectorError::Unreachable { request: self.id.to_owned(), message: error.to_string() })
        })?;
        Ok(Detail { records: vec![record], ..Detail::default() })
    }

    pub async fn pipeline(&self) -> Result<Detail, ItemError> {
        self.object(&["projects", self.project, "pipelines", self.id], normalise::pipeline_detail).await
    }

    /// Jobs, retried ones included.
    pub async fn jobs(&self) -> Result<Detail, ItemError> {
        self.list(&["projects", self.project, "pipelines", self.id, "jobs"], &[("include_retried", "true")], normalise::job).await
    }

    /// Jobs that start other pipelines.
    pub async fn bridges(&self) -> Result<Detail, ItemError> {
        self.list(&["projects", self.project, "pipelines", self.id, "bridges"], &[], normalise::bridge).await
    }

    async fn object(&self, segments: &[&str], row: Row) -> Result<Detail, ItemError> {
        let raw = self.client.object(&self.client.url(segments, &[]), self.requests).await?;
        let mut detail = detail(normalise_rows(vec![raw], &self.context(), row));
        // The object is the item, whatever it says itself.
        for letter in &mut detail.dead_letters {
            letter.external_id = Some(self.id.to_owned());
        }
        Ok(detail)
    }

    async fn merge_request_list(&self, iid: i64, name: &str, query: &[(&str, &str)], row: Row) -> Result<Detail, ItemError> {
        let iid = iid.to_string();
        self.list(&["projects", self.project, "merge_requests", &iid, name], query, row).await
    }

    async fn list(&self, segments: &[&str], query: &[(&str, &str)], row: Row) -> Result<Detail, ItemError> {
        let mut all = Vec::new();
        self.each_page(segments, query, |rows| all.extend(rows)).await?;
        // All pages at once: rows that moved to a later page meanwhile are recognised as the same.
        Ok(detail(normalise_rows(all, &self.context(), row)))
    }

    /// Walks all pages of a list.
    async fn each_page(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
        mut each: impl FnMut(Vec<Box<RawValue>>),
    ) -> Result<(), ItemError> {
        let (mut position, mut last, mut empties) = (Position::Page(1), None::<String>, 0);
        loop {
            let url = self.client.page_url(segments, query, &position, "", self.page_size);
            let listing = self.client.list(&url, self.requests).await?;
            let fingerprint = listing.rows.iter().map(|row| row.get()).collect::<Vec<_>>().join("\n");
            let rows: Vec<(&str, Key)> = listing.rows.iter().map(|_| ("", Key::Absent)).collect();
            let facts = PageFacts { rows: &rows, next: &listing.next, fingerprint: &fingerprint };
            check_progress(&facts, &position, last.as_deref(), empties).map_err(|error| {
                ItemError::Connector(ConnectorError::Refused { status: 200, request: request_text(&url), message: error.to_string() })
            })?;
            let step = advance_pages(&position, &facts, false);
            empties = if rows.is_empty() { empties + 1 } else { 0 };
            each(listing.rows);
            match step {
                Step::Done => return Ok(()),
                Step::Go { position: next, .. } => (position, last) = (next, Some(fingerprint)),
            }
        }
    }

    fn context(&self) -> RowContext<'_> {
        RowContext { project: self.project, merge_request: self.id, details: self.details, ..RowContext::default() }
    }
}

fn detail(rows: Rows) -> Detail {
    Detail { records: rows.records, dead_letters: rows.dead_letters, ..Detail::default() }
}

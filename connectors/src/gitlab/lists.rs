//! The list streams: what is asked for, and how each is walked.

use chrono::TimeDelta;
use ovia_domain::{DeadLetter, GitlabSettings, Record, TimeWindow};
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::client::{GitlabClient, Listing, Next, append_window, not_offered, scope_error};
use super::cursor::{Cursor, Phase, Position, Walk, Window};
use super::normalise::{RowContext, normalise_rows};
use super::overlap::Overlap;
use super::pull::{PageHead, Pull, Stored};
use super::scope::Scope;
use super::stored::row_of;
use super::streams::{GROUPS, MEMBERS, Mode, ProjectList};
use super::walk::{Key, PageFacts, Step, advance_overlap, advance_pages, advance_window};
use crate::http::{HttpError, RequestCount};
use crate::{ConnectorError, Page};

/// Read again by every later walk: clocks of a source's servers differ, and a row can be committed after a younger one.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// Pages that overlap have at least so many rows: with very small ones there is not always a page that begins in the right place.
const MIN_OVERLAPPING: u32 = 20;

/// Pulls lists for one connection.
#[derive(Debug)]
pub struct Lists<'a> {
    pub client: &'a GitlabClient,
    pub settings: &'a GitlabSettings,
}

impl Lists<'_> {
    /// One page of a list below a project. A project that is gone, or does not offer the list, is no failure.
    pub async fn project_list(&self, list: &ProjectList, project: &str, stored: Stored<'_>) -> Result<Page, ConnectorError> {
        let pull = Pull::open(list.name, stored, self.settings.page_size, |cursor| self.start(list.mode, cursor, stored.window));
        if pull.is_over() || list.mode == Mode::KeysetOnce && pull.is_incremental() {
            return Ok(pull.nothing());
        }
        let mut url = self.url(&["projects", project, list.name], &list.query(pull.walk.phase), &pull.walk);
        if let (Phase::Untimed, Some(window)) = (pull.walk.phase, pull.window) {
            // Rows without `updated_at` belong where they were created; servers that do not know these filters show more.
            append_window(&mut url, "created", Some(window.from), Some(window.to));
        }
        let (head, rows) = match self.client.list(&url, &pull.requests).await {
            Ok(listing) => split(url, listing),
            Err(error) => return unless_not_offered(pull, error, list.title),
        };
        let (first_walk, mode, windowed) = (!pull.is_incremental(), list.mode, pull.window.is_some());
        // The project's job list is part of the first walk only.
        let incremental = windowed || !first_walk;
        let context = RowContext { project, details: self.settings.details, incremental, ..RowContext::default() };
        let rows = normalise_rows(rows, &context, row_of(list.name));
        let since = self.settings.since;
        // Job lists run backwards in time and cannot be filtered.
        let before_since =
            list.mode == Mode::KeysetOnce && since.is_some_and(|since| rows.keys.iter().any(|row| row.created < Key::At(since)));
        let untimed = || Position::Overlap(Overlap::start(self.settings.page_size.max(MIN_OVERLAPPING)));
        pull.page(
            &head,
            rows,
            |walk, facts| if before_since { Step::Done } else { advance(walk, facts, head.per_page, mode) },
            |walk| {
                let rewindowed = since.is_none() && matches!(&walk.position, Position::Window(window) if window.from.is_some());
                let phase = match windowed {
                    true => list.phase_after_window(walk.phase)?,
                    false => list.phase_after(walk.phase, first_walk, rewindowed)?,
                };
                Some((phase, if phase == Phase::Open { unfiltered() } else { untimed() }))
            },
        )
    }

    /// One page of `groups`, `projects` or `members` of a configured scope. A scope that is gone is a failure that names it.
    pub async fn scope_list(
        &self,
        stream: &str,
        scope: Scope<'_>,
        partition: &str,
        stored: Option<&Value>,
    ) -> Result<Page, ConnectorError> {
        let pull = Pull::open(stream, Stored { cursor: stored, window: None }, self.settings.page_size, |_| Position::Page(1));
        if let (GROUPS, Scope::Project(_)) = (stream, scope) {
            return Ok(pull.nothing());
        }
        let url = self.scope_url(stream, scope, &pull.walk);
        let fetched = match stream {
            MEMBERS => self.client.list(&url, &pull.requests).await,
            GROUPS => self.groups(scope, &url, &pull).await,
            _ => self.projects(scope, &url, &pull.requests).await,
        };
        let (head, rows) = match fetched {
            Ok(listing) => split(url, listing),
            Err(error) if stream == MEMBERS && error.status() == Some(403) => return unless_not_offered(pull, error, MEMBERS),
            Err(error) => return Err(scope_error(error, &scope.title())),
        };
        let context = RowContext { scope: partition, details: self.settings.details, ..RowContext::default() };
        let rows = normalise_rows(rows, &context, row_of(stream));
        pull.page(&head, rows, |walk, facts| advance(walk, facts, head.per_page, Mode::Pages), |_| None)
    }

    /// The group itself, before the first page of those below it.
    async fn groups(&self, scope: Scope<'_>, below: &Url, pull: &Pull) -> Result<Listing, HttpError> {
        let own = if pull.starting {
            let url = self.client.url(&scope.segments(), &[("with_projects", "false")]);
            Some(self.client.object(&url, &pull.requests).await?)
        } else {
            None
        };
        let mut listing = self.client.list(below, &pull.requests).await?;
        listing.total = listing.total.map(|total| total + 1);
        listing.rows.splice(0..0, own);
        Ok(listing)
    }

    async fn projects(&self, scope: Scope<'_>, url: &Url, requests: &RequestCount) -> Result<Listing, HttpError> {
        match scope {
            Scope::Group(_) => self.client.list(url, requests).await,
            Scope::Project(_) => {
                let rows = vec![self.client.object(url, requests).await?];
                Ok(Listing { rows, next: Next::End, total: Some(1), per_page: None, server_time: None })
            }
        }
    }

    fn scope_url(&self, stream: &str, scope: Scope<'_>, walk: &Walk) -> Url {
        let [kind, path] = scope.segments();
        let by_id = [("order_by", "id"), ("sort", "asc")];
        match (stream, scope) {
            (MEMBERS, _) => self.url(&[kind, path, "members", "all"], &[], walk),
            (GROUPS, _) => self.url(&[kind, path, "descendant_groups"], &by_id, walk),
            (_, Scope::Group(_)) => {
                let query = [("include_subgroups", "true"), ("with_shared", "false")];
                self.url(&[kind, path, "projects"], &[query, by_id].concat(), walk)
            }
            (_, Scope::Project(_)) => self.client.url(&[kind, path], &[]),
        }
    }

    fn start(&self, mode: Mode, cursor: &Cursor, window: Option<TimeWindow>) -> Position {
        match (mode, window) {
            (_, Some(TimeWindow { from, to })) => Position::Window(Window { from: Some(from), to: Some(to), page: 1, ..Window::default() }),
            (Mode::Window, None) => {
                let from = cursor.watermark.map(|watermark| watermark - OVERLAP).or(self.settings.since);
                Position::Window(Window { from, page: 1, ..Window::default() })
            }
            (Mode::Pages | Mode::KeysetOnce, None) => Position::Page(1),
        }
    }

    /// The URL of the walk's next page.
    fn url(&self, segments: &[&str], query: &[(&str, &str)], walk: &Walk) -> Url {
        self.client.page_url(segments, query, &walk.position, ProjectList::window_filter(walk.phase), self.settings.page_size)
    }
}

fn unfiltered() -> Position {
    Position::Window(Window { page: 1, ..Window::default() })
}

fn advance(walk: &Walk, facts: &PageFacts<'_>, per_page: Option<u32>, mode: Mode) -> Step {
    // Rows without a time come first; the first one with a time ends them.
    let is_timed = || facts.rows.iter().any(|(_, key)| matches!(key, Key::At(_)));
    match (&walk.position, walk.phase) {
        (Position::Window(window), _) => advance_window(window, facts),
        (Position::Overlap(overlap), _) => match advance_overlap(overlap, facts, per_page) {
            Step::Go { position: Position::Overlap(Overlap { steps_back: 0, .. }), .. } if is_timed() => Step::Done,
            step => step,
        },
        (_, Phase::Untimed) if is_timed() => Step::Done,
        (position, _) => advance_pages(position, facts, mode == Mode::KeysetOnce),
    }
}

fn split(url: Url, listing: Listing) -> (PageHead, Vec<Box<RawValue>>) {
    let head = PageHead { url, next: listing.next, total: listing.total, per_page: listing.per_page, server_time: listing.server_time };
    (head, listing.rows)
}

fn unless_not_offered(pull: Pull, error: HttpError, title: &str) -> Result<Page, ConnectorError> {
    match not_offered(&error, title) {
        Some(reason) => Ok(pull.not_available(reason)),
        None => Err(error.into()),
    }
}

/// Rows of a project's list stream as records, without the network: for measuring.
pub fn normalise_list(stream: &str, project: &str, details: bool, rows: Vec<Box<RawValue>>) -> (Vec<Record>, Vec<DeadLetter>) {
    let context = RowContext { project, details, incremental: true, ..RowContext::default() };
    let rows = normalise_rows(rows, &context, row_of(stream));
    (rows.records, rows.dead_letters)
}

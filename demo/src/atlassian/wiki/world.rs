//! The Confluence site with its JSON.

use std::sync::OnceLock;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::super::server::{SiteOptions, World};
use super::model::WikiFacts;
use super::{routes, wire};
use crate::server::{Call, Dialect, Rewrite, Route};
use crate::wire::render;

pub(crate) struct WikiWorld {
    pub facts: WikiFacts,
    /// `https://site/wiki`.
    pub base: String,
    pub zone: Tz,
    pub page_cap: Option<usize>,
    /// By index, without and with the body.
    rows: Vec<[OnceLock<Bytes>; 2]>,
}

impl World for WikiWorld {
    type Facts = WikiFacts;
    const DIALECT: Dialect = Dialect::Confluence;
    const GATEWAY: &'static str = "/ex/confluence";

    fn build(facts: WikiFacts, options: &SiteOptions, origin: &str) -> Self {
        let rows = facts.documents.iter().map(|_| [OnceLock::new(), OnceLock::new()]).collect();
        Self { facts, base: format!("{origin}/wiki"), zone: options.time_zone, page_cap: options.page_cap, rows }
    }

    fn facts(&self) -> &WikiFacts {
        &self.facts
    }

    fn routes() -> &'static [Route<Self>] {
        routes::ROUTES
    }

    fn takes_post(template: &str) -> bool {
        template.ends_with("/users-bulk")
    }

    fn takes_get_too(_: &str) -> bool {
        false
    }

    fn rewritten(&self, rewrite: Rewrite, call: &Call, body: &[u8]) -> Bytes {
        routes::rewritten(self, rewrite, call, body)
    }

    fn change(facts: &mut WikiFacts, kind: &str, count: usize, at: DateTime<Utc>) -> Option<Vec<String>> {
        Some(match kind {
            "edit_pages" => facts.edit_pages(count, at),
            "add_pages" => facts.add_pages(count, at),
            "add_comments" => facts.add_comments(count, at),
            "trash_pages" => facts.trash_pages(count),
            "archive_pages" => facts.archive_pages(count),
            "restore_pages" => facts.restore_pages(count),
            "purge_pages" => facts.purge_pages(count),
            _ => return None,
        })
    }

    fn truth(facts: &WikiFacts) -> Value {
        serde_json::to_value(facts.truth()).unwrap_or_default()
    }
}

impl WikiWorld {
    pub(crate) fn row(&self, index: usize, body: bool) -> Bytes {
        let cell = &self.rows[index][usize::from(body)];
        cell.get_or_init(|| render(&wire::document(&self.facts, &self.facts.documents[index], body))).clone()
    }
}

//! The loop every stream shares: hash, parse, hand on or set aside.

use std::collections::HashSet;

use ovia_domain::{ConfluenceSettings, DeadLetter, DetailRequest, Entity, Record};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::streams::Kind;
use crate::rows::{RowError, dead_letter, without_secrets};

/// What a row does not say itself.
#[derive(Clone, Copy, Debug)]
pub struct RowContext<'a> {
    pub settings: &'a ConfluenceSettings,
    /// Id of the group, for its members.
    pub group: &'a str,
    /// Id of the document, for what hangs on one.
    pub document: &'a str,
    pub kind: Kind,
    /// Personal spaces are wanted: settings name the space.
    pub personal: bool,
    /// The site's address, as `https://acme.atlassian.net/wiki`.
    pub site: Option<&'a str>,
}

/// One understood row.
#[derive(Debug)]
pub struct Normalised {
    pub external_id: String,
    pub entities: Vec<Entity>,
    pub details: Vec<DetailRequest>,
}

/// Reads one row's JSON; `None` for a row that is not wanted, as a personal space or an anonymous account.
pub type Row = fn(&RowContext<'_>, &str) -> Result<Option<Normalised>, RowError>;

/// A page's rows.
#[derive(Debug, Default)]
pub struct Rows {
    pub records: Vec<Record>,
    pub dead_letters: Vec<DeadLetter>,
}

/// Reads a page. Of rows with the same id the first stands: a page is written by one statement.
pub fn normalise_rows(rows: Vec<Box<RawValue>>, context: &RowContext<'_>, row: Row) -> Rows {
    let mut out = Rows::default();
    let mut ids = HashSet::with_capacity(rows.len());
    for raw in rows {
        let raw = without_secrets(raw);
        match row(context, raw.get()) {
            Ok(Some(normalised)) => {
                if ids.insert(normalised.external_id.clone()) {
                    out.records.push(record(normalised, raw));
                }
            }
            Ok(None) => {}
            Err(error) => out.dead_letters.push(dead_letter(raw.get(), &error)),
        }
    }
    out
}

fn record(normalised: Normalised, raw: Box<RawValue>) -> Record {
    let content_hash = Sha256::digest(raw.get()).into();
    let Normalised { external_id, entities, details } = normalised;
    Record { external_id, raw, content_hash, entities, details, whole_lists: Vec::new() }
}

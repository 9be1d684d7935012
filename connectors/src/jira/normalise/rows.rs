//! The loop every stream shares: hash, parse, hand on or set aside.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ovia_domain::{DeadLetter, DetailRequest, Entity, JiraSettings, Record, WholeList};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::rows::{Loose, RowError, dead_letter, without_secrets};

/// What a row does not say itself.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The list's partition; of a detail, the external id.
    pub partition: &'a str,
    pub settings: &'a JiraSettings,
}

/// One understood row.
#[derive(Debug, Default)]
pub struct Normalised {
    pub external_id: String,
    pub updated: Option<DateTime<Utc>>,
    pub entities: Vec<Entity>,
    pub details: Vec<DetailRequest>,
    pub whole_lists: Vec<WholeList>,
}

/// Reads one row's JSON.
pub type Row = fn(&Context<'_>, &str) -> Result<Normalised, RowError>;

/// A page's rows, in the order received.
#[derive(Debug, Default)]
pub struct Rows {
    /// Of every row, read or not.
    pub keys: Vec<RowKey>,
    pub records: Vec<Record>,
    pub dead_letters: Vec<DeadLetter>,
}

#[derive(Debug)]
pub struct RowKey {
    pub external_id: String,
    pub updated: Option<DateTime<Utc>>,
    /// It is a dead letter.
    dead: bool,
}

impl Rows {
    /// The records and dead letters of the rows that are wanted.
    pub fn only(self, wanted: impl Fn(&RowKey) -> bool) -> Self {
        let ids: HashSet<&str> = self.keys.iter().filter(|key| !key.dead && wanted(key)).map(|key| key.external_id.as_str()).collect();
        let records = self.records.into_iter().filter(|record| ids.contains(record.external_id.as_str())).collect();
        let dead = self.keys.iter().filter(|key| key.dead);
        let dead_letters = self.dead_letters.into_iter().zip(dead).filter(|(_, key)| wanted(key)).map(|(letter, _)| letter).collect();
        Self { records, dead_letters, ..Self::default() }
    }
}

/// Reads a page. Of rows with the same id the last stands: a page is written by one statement. A link that two rows show stands in both,
/// since either row may be the only one that is stored.
pub fn normalise_rows(rows: Vec<Box<RawValue>>, context: &Context<'_>, row: Row) -> Rows {
    let mut out = Rows::default();
    for raw in rows {
        let raw = without_secrets(raw);
        let content_hash: [u8; 32] = Sha256::digest(raw.get()).into();
        match row(context, raw.get()) {
            Ok(Normalised { external_id, updated, entities, details, whole_lists }) => {
                out.keys.push(RowKey { external_id: external_id.clone(), updated, dead: false });
                let record = Record { external_id, raw, content_hash, entities, details, whole_lists };
                match out.records.iter_mut().find(|known| known.external_id == record.external_id) {
                    Some(known) => *known = record,
                    None => out.records.push(record),
                }
            }
            Err(error) => {
                let loose = Loose::read(raw.get());
                let (external_id, updated) = (loose.id().unwrap_or_default(), loose.time("/fields/updated"));
                out.keys.push(RowKey { external_id, updated, dead: true });
                out.dead_letters.push(dead_letter(raw.get(), &error));
            }
        }
    }
    out
}

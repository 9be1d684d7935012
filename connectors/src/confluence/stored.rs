//! Stored payloads, read again: what a pull would make of them now.
//!
//! Versions, labels and members do not say what they belong to; the caller's partition does. One of which nobody knows any more where it
//! belongs becomes a dead letter; writing it without would be wrong.

use ovia_domain::{DeadLetter, Record};
use serde_json::value::RawValue;

use super::normalise;
use super::rows::{Row, RowContext, normalise_rows};
use super::streams::{ARCHIVED_PAGES, COMMENTS, GROUP_MEMBERS, GROUPS, Kind, SPACES, USER_DETAILS};
use crate::rows::{RowError, dead_letter};

/// See `Connector::normalise`.
pub fn normalise_stored(context: RowContext<'_>, stream: &str, partition: &str, payload: Box<RawValue>) -> Result<Vec<Record>, DeadLetter> {
    let kind = Kind::of_stream(stream).unwrap_or(Kind::Page);
    // `7:3`, the external id of a version, begins with its document.
    let document = partition.split(':').next().unwrap_or_default();
    let context = RowContext { group: partition, document, kind, personal: true, ..context };
    let row: Row = match stream {
        GROUPS => normalise::group,
        GROUP_MEMBERS if partition.is_empty() => return Err(dead_letter(payload.get(), &RowError::Missing("group"))),
        GROUP_MEMBERS => normalise::group_member,
        SPACES => normalise::space,
        COMMENTS => normalise::comment,
        USER_DETAILS => normalise::user,
        ARCHIVED_PAGES => normalise::archived_page,
        stream if stream == kind.stream() => normalise::document,
        stream if Kind::of_stream(stream).is_none() => return Err(dead_letter(payload.get(), &RowError::NoStream(stream.to_owned()))),
        _ if document.is_empty() => return Err(dead_letter(payload.get(), &RowError::Missing("document"))),
        stream if stream == kind.labels() => normalise::labels,
        _ => normalise::version,
    };
    let rows = normalise_rows(vec![payload], &context, row);
    rows.dead_letters.into_iter().next().map_or(Ok(rows.records), Err)
}

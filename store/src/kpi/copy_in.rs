//! Writing many rows fast: COPY in its binary format, so that neither side prints or parses numbers.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::copy_out::{EPOCH, SIGNATURE};
use crate::StoreError;

/// Bytes that are sent at once.
const BYTES: usize = 1 << 20;
/// Types of elements, as `pg_type.oid`.
const INT8: u32 = 20;
const FLOAT8: u32 = 701;

/// Rows on their way into a table: each is begun with [`Self::row`], and given one field for each column.
pub(super) struct Rows {
    out: Vec<u8>,
    columns: i16,
}

impl Rows {
    fn new(columns: usize) -> Self {
        let mut out = Vec::with_capacity(BYTES + (BYTES >> 2));
        out.extend_from_slice(SIGNATURE);
        // no flags, no extension
        out.extend_from_slice(&[0; 8]);
        Self { out, columns: i16::try_from(columns).unwrap_or(i16::MAX) }
    }

    fn row(&mut self) {
        self.out.extend_from_slice(&self.columns.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // a field of two gigabytes is refused by Postgres whatever it is called
        self.out.extend_from_slice(&i32::try_from(bytes.len()).unwrap_or(i32::MAX).to_be_bytes());
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn null(&mut self) {
        self.out.extend_from_slice(&(-1i32).to_be_bytes());
    }

    pub(super) fn uuid(&mut self, value: Uuid) {
        self.bytes(value.as_bytes());
    }

    pub(super) fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn maybe_i64(&mut self, value: Option<i64>) {
        match value {
            Some(value) => self.i64(value),
            None => self.null(),
        }
    }

    pub(super) fn maybe_f64(&mut self, value: Option<f64>) {
        match value {
            Some(value) => self.bytes(&value.to_be_bytes()),
            None => self.null(),
        }
    }

    pub(super) fn time(&mut self, value: DateTime<Utc>) {
        self.i64(value.timestamp_micros() - EPOCH);
    }

    pub(super) fn maybe_time(&mut self, value: Option<DateTime<Utc>>) {
        match value {
            Some(value) => self.time(value),
            None => self.null(),
        }
    }

    /// JSON, as text.
    pub(super) fn jsonb(&mut self, json: &str) {
        self.out.extend_from_slice(&i32::try_from(json.len() + 1).unwrap_or(i32::MAX).to_be_bytes());
        // the version of the format
        self.out.push(1);
        self.out.extend_from_slice(json.as_bytes());
    }

    pub(super) fn maybe_i64s(&mut self, values: Option<&[i64]>) {
        self.array(INT8, values, |value| value.to_be_bytes());
    }

    pub(super) fn maybe_f64s(&mut self, values: Option<&[f64]>) {
        self.array(FLOAT8, values, |value| value.to_be_bytes());
    }

    /// Of one dimension, or none where it is empty; without nulls.
    fn array<T: Copy>(&mut self, element: u32, values: Option<&[T]>, bytes: impl Fn(T) -> [u8; 8]) {
        let Some(values) = values else { return self.null() };
        let dimensions = i32::from(!values.is_empty());
        let length = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let size = if values.is_empty() { 12 } else { 20 + values.len() * 12 };
        self.out.extend_from_slice(&length(size).to_be_bytes());
        self.out.extend_from_slice(&dimensions.to_be_bytes());
        self.out.extend_from_slice(&[0; 4]);
        self.out.extend_from_slice(&element.to_be_bytes());
        if values.is_empty() {
            return;
        }
        self.out.extend_from_slice(&length(values.len()).to_be_bytes());
        self.out.extend_from_slice(&1i32.to_be_bytes());
        for value in values {
            self.out.extend_from_slice(&8i32.to_be_bytes());
            self.out.extend_from_slice(&bytes(*value));
        }
    }
}

/// Writes a row for each of `items` into columns of a table; answers how many.
pub(super) async fn copy_in<T>(
    tx: &mut PgConnection,
    table: &str,
    columns: &[&str],
    items: impl IntoIterator<Item = T>,
    each: impl Fn(&mut Rows, T),
) -> Result<u64, StoreError> {
    let mut items = items.into_iter().peekable();
    if items.peek().is_none() {
        return Ok(0);
    }
    let mut copy = tx.copy_in_raw(&format!("copy {table} ({}) from stdin (format binary)", columns.join(", "))).await?;
    let mut rows = Rows::new(columns.len());
    for item in items {
        rows.row();
        each(&mut rows, item);
        if rows.out.len() >= BYTES {
            copy.send(rows.out.as_slice()).await?;
            rows.out.clear();
        }
    }
    rows.out.extend_from_slice(&(-1i16).to_be_bytes());
    copy.send(rows.out.as_slice()).await?;
    Ok(copy.finish().await?)
}

//! Streams: the kinds of thing a connector can pull, and in what order.

/// How a stream is cut into partitions. Every partition has a cursor of its own, so that one project's trouble stops no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioning {
    /// One partition per configured scope; the connector names them (`group:acme`, `project:acme/web`).
    Configured,
    /// One partition per live raw record of an earlier stream, named by its external id (as: every synced project).
    PerRecordOf(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// Pages of a list, walked with a cursor.
    List(Partitioning),
    /// One or a few requests per changed item. Items are queued, durably, by the page commit that saw the change.
    Detail,
}

/// One stream of a connector. The slice a connector returns is in dependency order: a stream comes after those it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSpec {
    /// Stable name, part of stored keys: `merge_requests`.
    pub name: &'static str,
    pub kind: StreamKind,
    /// What a user calls it: `merge requests`.
    pub title: &'static str,
    /// What `external_id` is, as the source names it: `id`, `tag_name`.
    pub natural_key: &'static str,
    /// Can be pulled by time: a backfill walks it window by window.
    pub windowed: bool,
    /// Every walk brings all rows, so that two walks can be compared.
    pub complete: bool,
    /// Its ids can be enumerated, so that what vanished is found.
    pub census: bool,
}

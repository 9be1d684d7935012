//! The stand-in as its users see it: over HTTP.

#![expect(clippy::unwrap_used, reason = "tests")]

mod api;
mod bench;
mod client;
mod control;
mod determinism;
mod edits;
mod faults;
mod paging;
mod removals;
mod truth;

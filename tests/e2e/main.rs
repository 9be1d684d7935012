//! End-to-end tests, one module per promise.
#![expect(clippy::unwrap_used, reason = "tests")]

mod cancel;
mod crash;
mod demo;
mod faults;
mod ingest;
mod kpi;
mod people;
mod recorded;
mod replay;

mod spec;
mod sse;
mod sync;
mod truth;

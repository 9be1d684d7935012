//! End-to-end tests, one module per promise.
#![expect(clippy::unwrap_used, reason = "tests")]

mod budgets;
mod cancel;
mod cancel_org_runs;
mod census;
mod crash;
mod dead_letters;
mod demo;
mod engines_restart;
mod fairness;
mod faults;
mod ingest;
mod ingest_entities;
mod kpi;
mod people;
mod proxy;
mod recorded;
mod raw_replay;
mod reconcile;
mod replay;
mod retention;
mod schedules;
mod secrets;
mod small_gitlab;
mod spec;
mod sse;
mod sse_fanout;
mod sync;
mod truth;

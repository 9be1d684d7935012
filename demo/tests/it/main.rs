//! The stand-in as its users see it: over HTTP.

#![expect(clippy::unwrap_used, reason = "tests")]

mod api;
mod bench;
mod client;
mod confluence;
mod control;
mod determinism;
mod edits;
mod faults;
mod jira;
mod jira_issues;
mod jira_truth;
mod paging;
mod removals;
mod site;
mod truth;
mod vendor_documents;

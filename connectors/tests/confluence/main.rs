//! The Confluence connector against a stand-in over HTTP: page in, records out. One binary, so that it links once.

mod census;
mod checks;
mod details;
mod incremental;
mod moving;
mod pitfalls;
mod presence;
mod replay;
mod resume;
mod search;
mod secrets;
mod site;
mod streams;
mod support;

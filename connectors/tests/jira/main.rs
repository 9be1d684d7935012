//! The Jira connector against a stand-in over HTTP: page in, records out. One binary, so that it links once.

mod census;
mod changelogs;
mod checks;
mod issues;
mod items;
mod limits;
mod lists;
mod people;
mod search;
mod secrets;
mod site;
mod stored;
mod support;
mod zones;

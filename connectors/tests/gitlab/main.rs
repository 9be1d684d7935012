//! The GitLab connector against a stand-in over HTTP: page in, records out. One binary, so that it links once.

mod budget;
mod census;
mod checks;
mod details;
mod items;
mod paging;
mod presence;
mod recorded;
mod replay;
mod retries;
mod rows;
mod secrets;
mod streams;
mod support;
mod table;
mod windows;

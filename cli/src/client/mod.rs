//! HTTP to the API, for the operator verbs and the demo.

mod api;
mod events;
mod problem;
mod target;

pub use api::{ApiClient, page_of};
pub use events::{RunEvent, RunEvents};
pub use target::{api_named, target};

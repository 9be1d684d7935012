//! The API and the worker, started the same way by `ovia api`, `ovia worker` and `ovia dev`.

mod api;
mod environment;
mod metrics;
mod parts;
mod worker;

pub use api::{ApiParts, api_run};
pub use environment::{Environment, EnvironmentOptions};
pub use metrics::SdkMetrics;
pub use parts::{Parts, store_connect, store_error, token_announce};
pub use worker::{WorkerThread, worker_run};

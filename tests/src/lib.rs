#![doc = include_str!("../README.md")]

mod app;
pub mod chaos;
mod database;
mod engine_process;
mod event_stream;
mod http;
mod private_engines;
pub mod state;
mod worker;

pub use app::{TestApp, TestOptions};
pub use database::AppDatabase;
pub use event_stream::{EventStream, StreamEvent};
pub use http::Http;
pub use private_engines::PrivateEngines;
pub use worker::{OviaProcess, ThreadWorker, ovia_binary};

/// An environment variable the test command sets. Panics, saying what to do, where it is missing.
pub fn required_env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `make test`, which starts the engines the tests need"))
}

/// Polls `probe` until it answers something, for at most `seconds`; panics with `what` otherwise.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, seconds: u64, mut probe: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(seconds);
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited {seconds} s in vain for {what}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

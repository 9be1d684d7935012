//! The one binary: services, development environment, operator verbs. Wiring only; see `app.rs` for the list of commands.

mod app;
mod client;
mod commands;
mod config;
mod exit;
mod local;
mod logging;
mod memory;
mod output;
mod runtime;
mod services;
mod shutdown;

use std::process::ExitCode;

fn main() -> ExitCode {
    memory::large_pieces_return();
    // Two providers are compiled in through dependencies; rustls panics unless one is chosen.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("error: failed to choose a TLS provider");
        return ExitCode::FAILURE;
    }
    runtime::run(app::run())
}

#![doc = include_str!("../README.md")]

mod bench;
mod company;
mod server;
mod truth;
mod wire;

pub use bench::{BenchOptions, BenchServer};
pub use company::{Company, CompanyOptions, CompanySize};
pub use server::{DemoServer, FaultKind, FaultRule, Faults, RateLimit, ServerOptions, Stats, When};
pub use truth::*;
pub use wire::EXTERNAL_URL;

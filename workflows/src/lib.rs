#![doc = include_str!("../README.md")]

pub mod client;

pub use client::{ConnectionCheck, Engine, EngineError, RunStart, workflow_id};

#![doc = include_str!("../README.md")]

mod company;
mod truth;
mod wire;

pub use company::{Company, CompanyOptions, CompanySize};
pub use truth::*;
pub use wire::EXTERNAL_URL;

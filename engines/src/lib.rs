#![doc = include_str!("../README.md")]

mod child;
mod data_dir;
mod engines;
mod error;
mod keeper;
mod ports;
mod postgres;
mod setpriv;
mod temporal;

pub use child::{ScopedCommand, Signal};
pub use data_dir::{DataDir, private_file_write};
pub use engines::{Durability, Engines, EnginesConfig};
pub use error::EnginesError;
pub use ports::{free_port, free_ports};
pub use temporal::SEARCH_ATTRIBUTES;

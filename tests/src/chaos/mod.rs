//! Everything is killed at random while a backfill and live syncs run over sources that misbehave; then the end state is compared with
//! the truth.

mod books;
mod cluster;
mod compare;
mod dice;
mod options;
mod process;
mod report;
mod run;
mod source;
mod traffic;
mod verdict;
mod watcher;

pub use options::ChaosOptions;
pub use report::ChaosReport;
pub use run::chaos;

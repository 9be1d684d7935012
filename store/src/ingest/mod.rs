//! The ingest protocol: one page, one transaction.
//!
//! A page commit writes raw records, domain rows, dead letters, queued and finished detail requests, the stream's cursor, the run's
//! counters and a run event, or nothing. It first checks the connection's lease: an attempt that lost it cannot write. Records whose
//! content hash is stored already are counted and not written.

mod commit;
mod counters;
mod entities;
mod item;
mod raw;
mod replay_books;
mod replay_letters;
mod replay_raw;
mod row_diff;
mod stages;
mod tables;
mod whole_lists;

pub use commit::{Cursor, PageCommit};
pub use item::ItemCommit;
pub use replay_letters::{LetterOutcome, LetterRead, LettersCommit};
pub use replay_raw::RawCommit;
pub use stages::Stages;

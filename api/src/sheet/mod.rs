//! Lists as CSV, for people who decide in a spreadsheet: what is written can be opened, changed, saved and read back.

mod body;
mod cells;
mod read;
mod write;

pub(crate) use body::{CsvBody, CsvFile};
pub(crate) use read::{LineError, LineErrorOut, Row, problem_of, rows};
pub(crate) use write::line;

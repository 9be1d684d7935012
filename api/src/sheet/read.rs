//! CSV in, as spreadsheets save it: with or without a byte order mark, with commas, semicolons or tabs, with CRLF or LF, with empty lines
//! below the last one. Everything that is wrong is told at once, by line.

use std::collections::HashMap;

use poem_openapi::Object;

use super::cells::restore;
use crate::problem::{FieldError, Problem};

/// Most lines of one file.
pub const ROWS_MAX: usize = 100_000;
/// Most errors that are told of one file.
const ERRORS_MAX: usize = 100;

/// What is wrong with one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LineError {
    /// Its number in the file; the header is line 1.
    pub line: u64,
    pub column: Option<&'static str>,
    pub message: String,
}

/// What is wrong with one line of a CSV file.
#[derive(Clone, Debug, Object)]
#[oai(rename = "CsvLineError")]
pub(crate) struct LineErrorOut {
    /// The line's number in the file; the header is line 1.
    line: u64,
    /// Null when it is the whole line.
    column: Option<String>,
    message: String,
}

/// One line that says something.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub line: u64,
    cells: HashMap<&'static str, String>,
}

impl Row {
    /// The text of a cell, without the white space around it; `None` if it is empty or its column is not there.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
    }

    /// A cell that has to say something.
    pub fn need(&self, column: &'static str) -> Result<&str, LineError> {
        self.get(column).ok_or_else(|| self.error(column, "it is empty"))
    }

    /// A cell's value.
    pub fn parse<T: std::str::FromStr>(&self, column: &'static str, expected: &str) -> Result<Option<T>, LineError> {
        let parsed = |text: &str| text.parse().map_err(|_| self.error(column, format!("`{}` is not {expected}", shortened(text))));
        self.get(column).map(parsed).transpose()
    }

    /// The value of a cell that has to say something.
    pub fn needed<T: std::str::FromStr>(&self, column: &'static str, expected: &str) -> Result<T, LineError> {
        self.need(column)?;
        self.parse(column, expected)?.ok_or_else(|| self.error(column, "it is empty"))
    }

    pub fn error(&self, column: &'static str, message: impl Into<String>) -> LineError {
        LineError { line: self.line, column: Some(column), message: message.into() }
    }
}

impl From<LineError> for LineErrorOut {
    fn from(error: LineError) -> Self {
        Self { line: error.line, column: error.column.map(str::to_owned), message: error.message }
    }
}

/// The lines of a file with a header of some of `columns`, in any order, among them all of `required`. Refused as a whole if it is no CSV
/// or has other columns: a misspelt one would silently do nothing.
pub(crate) fn rows(bytes: &[u8], columns: &'static [&'static str], required: &[&str]) -> Result<Vec<Row>, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| refused("It is not UTF-8: save it as \"CSV UTF-8\"."))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\0') {
        return Err(refused("It holds NUL characters."));
    }
    if text.trim().is_empty() {
        return Err(refused("It is empty."));
    }
    if let Some(line) = unclosed_quote(text, delimiter(text)) {
        // what stands behind it would be read as one cell, and its decisions be lost
        let message = "a quotation mark begins a cell here, and none ends it".into();
        return Err(problem_of(&[LineError { line, column: None, message }]));
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter(text)).from_reader(text.as_bytes());
    let mut records = reader.records();
    let header = records.next().transpose().map_err(|error| refused(&format!("{error}.")))?;
    let header = header_of(&header.unwrap_or_default(), columns, required)?;
    let mut rows = Vec::new();
    let mut lines = Lines { text, at: 0, line: 1 };
    for record in records {
        let record = record.map_err(|error| refused(&format!("{error}.")))?;
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let line = lines.of(&record);
        if record.iter().skip(header.len()).any(|cell| !cell.trim().is_empty()) {
            let message = format!("it has {} cells and the header {}", record.len(), header.len());
            return Err(problem_of(&[LineError { line, column: None, message }]));
        }
        if rows.len() == ROWS_MAX {
            return Err(refused(&format!("It has more than {ROWS_MAX} lines: cut it into several.")));
        }
        let cells = header.iter().zip(record.iter()).map(|(column, cell)| (*column, restore(cell).into_owned())).collect();
        rows.push(Row { line, cells });
    }
    Ok(rows)
}

/// The line of a quotation mark that begins a cell and is not closed; quotation marks within a cell are text.
fn unclosed_quote(text: &str, delimiter: u8) -> Option<u64> {
    enum At {
        Begin,
        Cell,
        Quoted(u64),
        /// Behind a quotation mark within a quoted cell: the cell's end, or half of a doubled one.
        Quote(u64),
    }
    let (mut at, mut line) = (At::Begin, 1);
    for byte in text.bytes() {
        at = match (at, byte) {
            (At::Begin, b'"') => At::Quoted(line),
            (At::Quoted(begun), b'"') => At::Quote(begun),
            (At::Quoted(begun), _) | (At::Quote(begun), b'"') => At::Quoted(begun),
            (At::Begin | At::Cell | At::Quote(_), byte) if byte == delimiter || matches!(byte, b'\r' | b'\n') => At::Begin,
            (At::Begin | At::Cell | At::Quote(_), _) => At::Cell,
        };
        line += u64::from(byte == b'\n');
    }
    match at {
        At::Quoted(begun) => Some(begun),
        _ => None,
    }
}

/// Numbers of lines as an editor counts them. The reader's own are those of where it stood: before empty lines, and before the LF of a CRLF.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, record: &csv::StringRecord) -> u64 {
        let stood = record.position().map_or(self.at, |position| usize::try_from(position.byte()).unwrap_or(self.at));
        let bytes = self.text.as_bytes();
        let skipped = bytes.iter().skip(stood).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let begin = (stood + skipped).min(bytes.len()).max(self.at);
        for at in self.at..begin {
            let ends = bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
            self.line += u64::from(ends);
        }
        self.at = begin;
        self.line
    }
}

/// The refusal of a file with these errors.
pub(crate) fn problem_of(errors: &[LineError]) -> Problem {
    let field = |error: &LineError| {
        let at = format!("line {}", error.line);
        FieldError { field: error.column.map_or(at.clone(), |column| format!("{at}: {column}")), message: error.message.clone() }
    };
    let told: Vec<FieldError> = errors.iter().take(ERRORS_MAX).map(field).collect();
    let detail = match told.as_slice() {
        [only] => format!("The CSV file is not valid: {}: {}.", only.field, only.message.trim_end_matches('.')),
        _ => format!("The CSV file is not valid: {} of its lines are wrong, and nothing of it was done.", errors.len()),
    };
    Problem::validation(detail, told).hint("Correct the lines named in `errors` and send the file again.")
}

fn refused(why: &str) -> Problem {
    Problem::validation(format!("The body is not a CSV file that can be read. {why}"), Vec::new())
        .hint("Send CSV in UTF-8 with the header in its first line; docs/people.md has the columns.")
}

/// What separates the header's cells: spreadsheets take semicolons where the comma is the decimal point.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |byte: &u8| header.bytes().filter(|b| b == byte).count();
    // the last of several maxima wins: the comma
    *b"\t;,".iter().max_by_key(|byte| count(byte)).unwrap_or(&b',')
}

fn header_of(record: &csv::StringRecord, columns: &'static [&'static str], required: &[&str]) -> Result<Vec<&'static str>, Problem> {
    let mut header: Vec<&'static str> = Vec::new();
    let mut wrong = Vec::new();
    let mut error = |column: &str, message: &str| {
        wrong.push(FieldError { field: format!("line 1: {}", shortened(column)), message: message.into() });
    };
    // empty cells behind the last title are what a spreadsheet leaves of a column that was deleted
    let titles: Vec<String> = record.iter().map(|title| restore(title).trim().to_lowercase().replace([' ', '-'], "_")).collect();
    let used = titles.iter().rposition(|title| !title.is_empty()).map_or(0, |at| at + 1);
    for title in &titles[..used] {
        match columns.iter().find(|column| *column == title) {
            Some(column) if header.contains(column) => error(title, "this column is there twice"),
            Some(column) => header.push(column),
            None => error(title, &format!("there is no such column; there are {}", columns.join(", "))),
        }
    }
    for column in required.iter().filter(|column| !header.contains(column)) {
        error(column, "this column is missing");
    }
    if wrong.is_empty() {
        return Ok(header);
    }
    let detail = match wrong.as_slice() {
        [only] => format!("The CSV file's header is not valid: `{}`: {}.", only.field.trim_start_matches("line 1: "), only.message),
        _ => "The CSV file's header is not valid.".to_owned(),
    };
    Err(Problem::validation(detail, wrong).hint("docs/people.md has the columns."))
}

/// For an answer: a cell may be a megabyte.
fn shortened(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(60).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::sheet::line;
    use proptest::prelude::*;

    const COLUMNS: &[&str] = &["id", "name", "note"];

    fn read(text: &str) -> Vec<(u64, String)> {
        let of = |row: Row| (row.line, format!("{}|{}", row.get("id").unwrap_or("-"), row.get("name").unwrap_or("-")));
        rows(text.as_bytes(), COLUMNS, &["id"]).unwrap().into_iter().map(of).collect()
    }

    #[test]
    fn files_as_spreadsheets_save_them_are_read() {
        let expected = [(2, "1|Ada".to_owned()), (4, "2|-".to_owned())];
        assert_eq!(read("id,name\r\n1,Ada\r\n\r\n2,\r\n,\r\n"), expected);
        assert_eq!(read("\u{feff}ID;Name;\r\n1;Ada;\r\n;;\r\n2;;\r\n"), expected);
        assert_eq!(read("name\tid\nAda\t1\n\n\t2"), expected);
        assert_eq!(read("id,name\n1,\"two\nlines\"\n2,x\n"), [(2, "1|two\nlines".into()), (4, "2|x".into())], "lines of the file");
        assert_eq!(read("id\n'=1\n"), [(2, "=1|-".into())]);
        assert_eq!(read("id,name\n1,5\" disk\n2,\"say \"\"hi\"\"\"\n"), [(2, "1|5\" disk".into()), (3, "2|say \"hi\"".into())]);
        assert!(read("id,name").is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let detail = |bytes: &[u8]| rows(bytes, COLUMNS, &["id"]).unwrap_err().detail;
        assert!(detail(b"").contains("It is empty.") && detail(b"\xef\xbb\xbf\r\n").contains("It is empty."));
        assert!(detail(b"\n,\n").contains("missing"));
        assert!(detail(b"id,name\n1,\"Ada\n2,Bo\n").contains("line 2: a quotation mark"), "{}", detail(b"id,name\n1,\"Ada\n2,Bo\n"));
        assert!(detail(b"id,nmae\n").contains("nmae"));
        assert!(detail(b"id,id\n").contains("twice"));
        assert!(detail(b"id,name\n1,2,3\n").contains("line 2"));
        assert!(detail(b"id\n\xff\n").contains("UTF-8"));
        assert!(detail(b"id\na\0\n").contains("NUL"));
        let two = rows(b"x,y\n", COLUMNS, &["id"]).unwrap_err();
        assert_eq!(two.errors.len(), 3);
        let many = "id\n".to_owned() + &"1\n".repeat(ROWS_MAX + 1);
        assert!(detail(many.as_bytes()).contains("more than"));
    }

    #[test]
    fn values_are_told_by_line_and_column() {
        let row = rows(b"id,name\n1,Ada\n", COLUMNS, &[]).unwrap().remove(0);
        assert_eq!(row.parse::<i64>("id", "a number").unwrap(), Some(1));
        assert_eq!(row.parse::<i64>("note", "a number").unwrap(), None);
        let error = row.parse::<i64>("name", "a number").unwrap_err();
        assert_eq!((error.line, error.column, error.message.as_str()), (2, Some("name"), "`Ada` is not a number"));
        assert!(row.need("note").is_err());
        assert_eq!(problem_of(&[error]).detail, "The CSV file is not valid: line 2: name: `Ada` is not a number.");
    }

    proptest! {
        /// Whatever the cells hold: what was written is read. White space around a text is not kept.
        #[test]
        fn what_is_written_is_read_back(cells in prop::collection::vec(("[a-z0-9]{1,4}", "[^\0]{0,12}", "['=+@\t\r\n,;\"-]{0,5}x?"), 0..6)) {
            let mut text = line(COLUMNS.iter().map(|title| (*title).into()));
            for (id, name, note) in &cells {
                text.extend(line([id, name, note].map(|cell| cell.as_str().into())));
            }
            let read = rows(&text, COLUMNS, &["id"]).unwrap();
            prop_assert_eq!(read.len(), cells.len());
            for (row, (id, name, note)) in read.iter().zip(&cells) {
                prop_assert_eq!(row.get("id"), Some(id.as_str()));
                prop_assert_eq!(row.get("name").unwrap_or_default(), name.trim());
                prop_assert_eq!(row.get("note").unwrap_or_default(), note.trim());
            }
        }
    }
}

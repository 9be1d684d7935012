//! CSV out: RFC 4180, lines ending in CRLF, cells that are no formulas.

use std::borrow::Cow;

use super::cells::neutralise;

/// One line. What may be a formula is guarded; see `cells`.
pub(crate) fn line<'a>(cells: impl IntoIterator<Item = Cow<'a, str>>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let written = cells.into_iter().try_for_each(|cell| writer.write_field(neutralise(&cell).as_bytes()));
    let ended = written.and_then(|()| writer.write_record(None::<&[u8]>));
    match ended.map_err(|error| error.to_string()).and_then(|()| writer.into_inner().map_err(|error| error.to_string())) {
        Ok(line) => line,
        Err(error) => {
            // a Vec takes everything
            tracing::error!(error, "failed to write a line of CSV");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn cells_with_commas_quotes_and_line_ends_are_quoted() {
        let cells = ["a", "b,c", "say \"hi\"", "two\nlines", "", "=1"].map(Into::into);
        assert_eq!(String::from_utf8_lossy(&line(cells)), "a,\"b,c\",\"say \"\"hi\"\"\",\"two\nlines\",,'=1\r\n");
    }
}

//! Cells that no spreadsheet takes for a formula.
//!
//! A name is chosen by whoever owns the account, so a cell may say `=HYPERLINK(…)`. Such a cell gets an apostrophe in front, which
//! spreadsheets take for "this is text", and reading takes it off again. A text that looks like a guarded one already gets another, so
//! that every text comes back as it was.

use std::borrow::Cow;

const GUARD: char = '\'';

/// What makes a spreadsheet compute: the signs, their full-width forms, and the white space that some skip in front of them.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// `text` as a cell.
pub fn neutralise(text: &str) -> Cow<'_, str> {
    if is_formula(text.trim_start_matches(GUARD)) { Cow::Owned(format!("{GUARD}{text}")) } else { Cow::Borrowed(text) }
}

/// The text that `neutralise` made `cell` of.
pub fn restore(cell: &str) -> &str {
    match cell.strip_prefix(GUARD) {
        Some(text) if is_formula(text.trim_start_matches(GUARD)) => text,
        _ => cell,
    }
}

fn is_formula(text: &str) -> bool {
    text.starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn formulas_are_guarded_and_nothing_else() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+49 30 1", "'+49 30 1"),
            ("-ada-", "'-ada-"),
            ("@ada", "'@ada"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("'=1", "''=1"),
            ("Ada", "Ada"),
            ("a=b", "a=b"),
            ("'s Gravenhage", "'s Gravenhage"),
            ("'", "'"),
            ("", ""),
        ] {
            assert_eq!(neutralise(text), cell);
            assert_eq!(restore(cell), text);
        }
        assert_eq!(restore("=1+1"), "=1+1", "a cell that somebody wrote without a guard is what it says");
    }

    proptest! {
        /// Also of texts made of nothing but what is special here.
        #[test]
        fn every_text_comes_back_and_no_cell_is_a_formula(text in prop_oneof![any::<String>(), "['=+@\t\r\n-]{0,6}[a-z]?"]) {
            let cell = neutralise(&text);
            prop_assert!(!is_formula(&cell), "{cell:?}");
            prop_assert_eq!(restore(&cell), &text);
        }
    }
}

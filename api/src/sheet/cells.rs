//! Cells that no spreadsheet takes for a formula.
//!
//! A name is chosen by whoever owns the account, so a cell may say `=HYPERLINK(…)`. Such a cell gets an apostrophe in front, which
//! spreadsheets take for "this is text", and reading takes it off again. A text that looks like a guarded one already gets another, so
//! that every text comes back as it was. The same within a cell, where a program that was told of another separator begins a new one: quotes
//! do not help there, since they do not begin what it takes for the cell.

use std::borrow::Cow;

const GUARD: char = '\'';

/// What makes a spreadsheet compute: the signs and their full-width forms.
const SIGNS: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// White space that some skip in front of them.
const SKIPPED: [char; 3] = ['\t', '\r', '\n'];

/// Where a program with another separator than ours begins a cell.
const SEPARATORS: [char; 4] = [';', '\t', '\r', '\n'];

/// `text` as a cell.
pub fn neutralise(text: &str) -> Cow<'_, str> {
    changed(text, |begin, is_formula| {
        let guarded = is_formula(begin.trim_start_matches(GUARD));
        guarded.then_some((0, true))
    })
}

/// The text that `neutralise` made `cell` of.
pub fn restore(cell: &str) -> Cow<'_, str> {
    changed(cell, |begin, is_formula| {
        let guarded = begin.strip_prefix(GUARD).is_some_and(|text| is_formula(text.trim_start_matches(GUARD)));
        guarded.then_some((GUARD.len_utf8(), false))
    })
}

/// `text` with something done at each place where a cell may begin: `at` gets the text from there and what a formula looks like there, and answers how
/// many bytes are left out and whether a guard comes in.
fn changed<'a>(text: &'a str, at: impl Fn(&str, fn(&str) -> bool) -> Option<(usize, bool)>) -> Cow<'a, str> {
    let within = text.match_indices(SEPARATORS).map(|(index, separator)| (index + separator.len(), begins_formula as fn(&str) -> bool));
    let mut out: Option<String> = None;
    let mut copied = 0;
    for (begin, is_formula) in std::iter::once((0, is_formula as fn(&str) -> bool)).chain(within) {
        let Some((left_out, guard)) = at(&text[begin..], is_formula) else { continue };
        let out = out.get_or_insert_default();
        out.push_str(&text[copied..begin]);
        if guard {
            out.push(GUARD);
        }
        copied = begin + left_out;
    }
    match out {
        Some(mut out) => {
            out.push_str(&text[copied..]);
            Cow::Owned(out)
        }
        None => Cow::Borrowed(text),
    }
}

fn is_formula(text: &str) -> bool {
    text.starts_with(SIGNS) || text.starts_with(SKIPPED)
}

/// Behind a separator: the separators themselves are guarded behind, and a quote may be taken for one around the cell.
fn begins_formula(text: &str) -> bool {
    text.trim_start_matches(['"', ' ']).starts_with(SIGNS)
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
            ("\t=1", "'\t'=1"),
            ("u;=cmd|'/c calc'!A1;", "u;'=cmd|'/c calc'!A1;"),
            ("a;b;+1;-c", "a;b;'+1;'-c"),
            ("a\t@b", "a\t'@b"),
            ("two\r\n=lines", "two\r\n'=lines"),
            ("two\r\nlines", "two\r\nlines"),
            ("u;\"=1\"", "u;'\"=1\""),
            ("u; =1", "u;' =1"),
            ("u;'=1", "u;''=1"),
            ("u;'a", "u;'a"),
            ("a;b", "a;b"),
            ("\r=1", "'\r'=1"),
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
        /// Also of texts made of nothing but what is special here; and whatever separates cells.
        #[test]
        fn every_text_comes_back_and_no_cell_is_a_formula(text in prop_oneof![any::<String>(), "['\"; =+@\t\r\n-]{0,8}[a-z]?"]) {
            let cell = neutralise(&text);
            prop_assert!(!is_formula(&cell), "{cell:?}");
            for part in cell.split(SEPARATORS).skip(1) {
                prop_assert!(!begins_formula(part), "{part:?} of {cell:?}");
            }
            prop_assert_eq!(restore(&cell), text.as_str());
        }
    }
}

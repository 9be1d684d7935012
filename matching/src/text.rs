//! Texts made comparable.
//!
//! Case folding is Unicode's (`caseless`), not `to_lowercase`: "STRASSE" and "Straße", or a final and a middle sigma, are one text only
//! when folded.

use unicode_normalization::UnicodeNormalization;

/// Texts that stand for "nothing", as exports and scripts write them.
const MISSING: &[&str] =
    &["", "-", "--", "?", "none", "null", "nil", "nan", "n/a", "na", "undefined", "(none)", "<none>", "(null)", "[none]", "[null]"];

/// The text, unless it is missing or only says so.
pub(crate) fn known(text: Option<&str>) -> Option<&str> {
    let text = text?.trim();
    (!MISSING.contains(&text.to_ascii_lowercase().as_str())).then_some(text)
}

/// NFKC, case-folded, blanks collapsed.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return collapse(&text.to_ascii_lowercase());
    }
    let normal: String = text.nfkc().collect();
    // folding can take a text out of its normal form
    let folded: String = caseless::default_case_fold_str(&normal).nfkc().collect();
    collapse(&folded)
}

/// Each run of blanks as one space, none at the ends.
pub(crate) fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_case_width_and_blanks() {
        assert_eq!(fold("  Jürgen\u{a0} \t GROẞMANN "), "jürgen grossmann");
        assert_eq!(fold("Ju\u{308}rgen Großmann"), "jürgen grossmann");
        assert_eq!(fold("ΝΙΚΟΣ ΠΑΠΠΑΣ"), fold("Νίκος Παππάς").replace('ί', "ι").replace('ά', "α"));
        assert_eq!(fold("Ｍｉｎａ\u{3000}Ｈｏｌｔ"), "mina holt");
    }

    #[test]
    fn none_is_not_a_text() {
        for text in ["None", " NULL ", "", "  ", "n/a", "(none)", "nan", "undefined"] {
            assert_eq!(known(Some(text)), None, "{text}");
        }
        assert_eq!(known(None), None);
        assert_eq!(known(Some(" Nona ")), Some("Nona"));
    }
}

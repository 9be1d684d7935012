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
    // the longest of them has nine letters
    let missing = text.len() <= 9 && MISSING.iter().any(|missing| missing.eq_ignore_ascii_case(text));
    (!missing).then_some(text)
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

/// Folded, and without the marks above and below letters: "Søren Åkerlund" as "soren akerlund". Marks of other scripts than the European
/// ones are part of the letter and stay.
pub(crate) fn plain(text: &str) -> String {
    if text.is_ascii() {
        return collapse(&text.to_ascii_lowercase());
    }
    let bare: String = fold(text).nfd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).nfc().collect();
    let mut plain = String::with_capacity(bare.len());
    for c in bare.chars() {
        match c {
            'ł' => plain.push('l'),
            'ø' => plain.push('o'),
            'đ' | 'ð' => plain.push('d'),
            'ı' => plain.push('i'),
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            'þ' => plain.push_str("th"),
            _ => plain.push(c),
        }
    }
    plain
}

/// Letters and digits only, as in user names: "mina.holt-2" is `minaholt2`.
pub(crate) fn squeeze(text: &str) -> String {
    plain(text).chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Each run of blanks as one space, none at the ends.
pub(crate) fn collapse(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    collapsed
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

//! Display names taken apart: which words are a name, and how much of one.
//!
//! How many words a name needs depends on its script: "Mina" is anybody, "김민준" is somebody. Nothing outside Latin is transliterated or
//! stripped, so such names are never squeezed to nothing and taken for each other.

use unicode_script::{Script, UnicodeScript};

use crate::{
    text::{known, plain},
    words::{JUNK_NAMES, JUNK_WORDS, PARTICLES, TITLES},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum NameKind {
    /// Two words, or two letters of a script that writes a name in a few.
    Full,
    /// Two words, but written together or with dots, as a login can be.
    Joined,
    /// A word and initials.
    Initials,
    /// One word.
    Single,
}

/// A name in words, folded and without marks; titles, remarks in brackets and particles are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParsedName {
    pub(crate) kind: NameKind,
    /// In the order given name first, where the text shows the order.
    pub(crate) words: Vec<String>,
    /// The words with particles, for user names made of them: `vanderberg`.
    pub(crate) with_particles: Vec<String>,
    /// The words as German writes them without umlauts, where that differs: `juergen`.
    pub(crate) german: Option<Vec<String>>,
    /// Digits beside the words: "Mina Holt 2" is not "Mina Holt".
    pub(crate) numeral: String,
}

/// Whether a mailing list or forum wrote the name, as "Mina Holt via Forum": the address beside it is the gateway's.
pub(crate) fn is_gateway(text: Option<&str>) -> bool {
    text.is_some_and(|text| [" via ", " Via ", " VIA "].iter().any(|via| text.contains(via)))
}

/// `None` if the text names no person.
pub(crate) fn parse(text: Option<&str>) -> Option<ParsedName> {
    let text = known(text)?;
    // an address in the name field names nobody
    if text.contains('@') || is_gateway(Some(text)) {
        return None;
    }
    let bare = without_brackets(text);
    let bare = if bare.chars().any(char::is_alphabetic) { bare } else { text.to_owned() };
    let turned = last_first(&bare);
    let (spaced, joined) = split_joined(&turned);
    let folded = plain(&spaced);
    if JUNK_NAMES.contains(&folded.as_str()) {
        return None;
    }
    let mut name =
        ParsedName { kind: NameKind::Single, words: Vec::new(), with_particles: Vec::new(), german: None, numeral: String::new() };
    for token in tokens(&folded) {
        if token.chars().all(|c| c.is_numeric()) {
            name.numeral.push_str(&token);
        } else if !TITLES.contains(&token.as_str()) {
            name.with_particles.push(token);
        }
    }
    let junk = |words: &[String]| words.iter().all(|word| JUNK_WORDS.contains(&word.as_str()));
    if junk(&name.with_particles) {
        return None;
    }
    name.words = name.with_particles.iter().filter(|word| !PARTICLES.contains(&word.as_str())).cloned().collect();
    // "Ben Bin" is a name although both are particles
    if name.words.iter().filter(|word| !is_initial(word)).count() < 2 {
        name.words.clone_from(&name.with_particles);
    }
    name.kind = kind(&name.words, joined);
    name.german = german(&turned);
    Some(name)
}

fn kind(words: &[String], joined: bool) -> NameKind {
    let long = words.iter().filter(|word| !is_initial(word)).count();
    let east_asian = words.iter().map(|word| word.chars().filter(|c| is_east_asian(*c)).count()).sum::<usize>();
    let only_east_asian = words.iter().all(|word| word.chars().all(|c| is_east_asian(c) || !c.is_alphabetic()));
    match (long, joined) {
        _ if only_east_asian && east_asian >= 2 => NameKind::Full,
        (2.., true) => NameKind::Joined,
        (2.., false) => NameKind::Full,
        _ if words.len() >= 2 => NameKind::Initials,
        _ => NameKind::Single,
    }
}

pub(crate) fn is_initial(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(|c| !is_east_asian(c)) && chars.next().is_none()
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0usize;
    let mut bare = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '(' | '[' | '<' | '（' | '【' => depth += 1,
            ')' | ']' | '>' | '）' | '】' => depth = depth.saturating_sub(1),
            '"' | '“' | '”' | '„' => bare.push(' '),
            _ if depth == 0 => bare.push(c),
            _ => {}
        }
    }
    bare
}

/// "Holt, Mina" as "Mina Holt"; "Mina Holt, PhD" stays.
fn last_first(text: &str) -> String {
    let Some((last, first)) = text.split_once(',') else { return text.to_owned() };
    let is_title = |word: &str| TITLES.contains(&plain(word).trim_matches('.').replace('.', "").as_str());
    let title = first.split([' ', ',']).filter(|word| !word.is_empty()).all(is_title);
    if title || first.contains(',') || first.trim().is_empty() { last.to_owned() } else { format!("{} {}", first.trim(), last.trim()) }
}

/// "MinaHolt", "mina.holt" and "mina_holt" as "Mina Holt"; whether the text was such.
fn split_joined(text: &str) -> (String, bool) {
    let text = text.trim();
    if text.contains(char::is_whitespace) {
        return (text.to_owned(), false);
    }
    if text.contains(['.', '_']) {
        return (text.replace(['.', '_'], " "), true);
    }
    let mut spaced = String::with_capacity(text.len() + 2);
    let mut before = None;
    for c in text.chars() {
        if c.is_uppercase() && before.is_some_and(char::is_lowercase) {
            spaced.push(' ');
        }
        spaced.push(c);
        before = Some(c);
    }
    let joined = spaced.len() > text.len() || text.contains('-');
    (spaced, joined)
}

fn tokens(folded: &str) -> impl Iterator<Item = String> + '_ {
    folded
        .split(|c: char| c.is_whitespace() || matches!(c, '-' | '_' | '.' | ',' | '/' | '·' | '・' | '‐' | '–' | '|'))
        .map(|token| token.chars().filter(|c| c.is_alphanumeric() || is_mark(*c)).collect::<String>())
        .filter(|token| token.chars().any(char::is_alphanumeric))
}

/// Signs that carry vowels in Indic scripts: part of the word.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

fn german(text: &str) -> Option<Vec<String>> {
    let lower = text.to_lowercase();
    if !lower.contains(['ä', 'ö', 'ü', 'å', 'ø']) {
        return None;
    }
    let spelt = lower.replace('ä', "ae").replace(['ö', 'ø'], "oe").replace('ü', "ue").replace('å', "aa");
    Some(tokens(&plain(&spelt)).filter(|word| !PARTICLES.contains(&word.as_str()) && !TITLES.contains(&word.as_str())).collect())
}

pub(crate) fn is_east_asian(letter: char) -> bool {
    if (letter as u32) < 0x1100 {
        return false;
    }
    let scripts = letter.script_extension();
    [Script::Han, Script::Hangul, Script::Hiragana, Script::Katakana, Script::Bopomofo]
        .into_iter()
        .any(|script| scripts.contains_script(script))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (NameKind, String) {
        let name = parse(Some(text)).unwrap_or_else(|| panic!("{text} is a name"));
        (name.kind, name.words.join(" "))
    }

    #[test]
    fn spellings_of_one_name_are_one() {
        for text in [
            "Mina Holt",
            " MINA   holt ",
            "Holt, Mina",
            "Dr. Mina Holt",
            "Mina Holt, PhD",
            "Mína Hölt (Acme)",
            "Mina \u{a0}Holt [away]",
            "Ｍｉｎａ Holt",
        ] {
            assert_eq!(of(text), (NameKind::Full, "mina holt".to_owned()), "{text}");
        }
        for text in ["mina.holt", "MinaHolt", "mina_holt"] {
            assert_eq!(of(text), (NameKind::Joined, "mina holt".to_owned()), "{text}");
        }
    }

    #[test]
    fn particles_and_letters_without_a_base_form() {
        assert_eq!(of("Zoë van der Berg").1, "zoe berg");
        assert_eq!(of("Łukasz Åkerlund-Weiß").1, "lukasz akerlund weiss");
        assert_eq!(of("Seán O'Malley").1, "sean omalley");
        assert_eq!(
            parse(Some("Jürgen Weißenborn")).and_then(|name| name.german),
            Some(vec!["juergen".to_owned(), "weissenborn".to_owned()])
        );
    }

    #[test]
    fn how_much_of_a_name_it_is() {
        assert_eq!(of("Mina").0, NameKind::Single);
        assert_eq!(of("M. Holt").0, NameKind::Initials);
        assert_eq!(of("Mina K. Holt"), (NameKind::Full, "mina k holt".to_owned()));
        assert_eq!(parse(Some("Mina Holt 2")).map(|name| name.numeral).as_deref(), Some("2"));
    }

    #[test]
    fn east_asian_names_need_two_letters_and_stay_apart() {
        let names = ["王小明", "王大明", "김민준", "이서연", "やまだはなこ", "ヤマダ・ハナコ", "スーザン", "かき", "がき"];
        let keys: std::collections::HashSet<_> = names.iter().map(|name| of(name)).collect();
        assert!(keys.iter().all(|(kind, _)| *kind == NameKind::Full));
        assert_eq!(keys.len(), names.len());
        assert_eq!(of("王").0, NameKind::Single);
    }

    #[test]
    fn placeholders_name_nobody() {
        for text in [
            "None",
            "unknown",
            "root",
            "Admin",
            "Test User",
            "Your Name",
            "Ghost User",
            "System Administrator",
            "no name",
            "管理员",
            "テスト",
            "관리자",
            "mina@acme.test",
            "Mina Holt <mina@acme.test>",
            "Mina Holt via Forum",
            "",
            " ",
            "Former user",
            "42",
        ] {
            assert_eq!(parse(Some(text)), None, "{text}");
        }
        assert!(parse(Some("Rosa Test")).is_some(), "one word of it is a name");
    }
}

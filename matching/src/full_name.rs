//! Full names: which display names are enough to recognise a person by.
//!
//! How many words a name needs depends on its script: "Mina" is anybody, "김민준" is somebody. Nothing is transliterated or stripped, so
//! names outside Latin are never squeezed to nothing and taken for each other.

use unicode_script::{Script, UnicodeScript};

use crate::text::{fold, known};

/// A name made only of such words is a placeholder, a role or a machine.
const JUNK_WORDS: &[&str] = &[
    "account",
    "admin",
    "administrator",
    "anonymous",
    "app",
    "author",
    "bot",
    "build",
    "ci",
    "committer",
    "daemon",
    "data",
    "default",
    "deleted",
    "demo",
    "deploy",
    "dev",
    "developer",
    "docker",
    "ec2",
    "email",
    "first",
    "full",
    "ghost",
    "git",
    "github",
    "gitlab",
    "guest",
    "jenkins",
    "last",
    "localhost",
    "me",
    "my",
    "name",
    "no",
    "nobody",
    "none",
    "null",
    "root",
    "runner",
    "server",
    "service",
    "super",
    "support",
    "surname",
    "system",
    "team",
    "test",
    "tester",
    "testing",
    "the",
    "ubuntu",
    "unknown",
    "user",
    "username",
    "users",
    "vagrant",
    "www",
    "you",
    "your",
];
/// The same without blanks between words: admin, administrator, test, unknown, anonymous, user, system.
const JUNK_NAMES: &[&str] = &[
    "管理员",
    "管理者",
    "超级管理员",
    "测试",
    "測試",
    "テスト",
    "匿名",
    "未知",
    "不明",
    "用户",
    "ユーザー",
    "システム",
    "系统",
    "관리자",
    "테스트",
    "사용자",
    "익명",
];

/// What two spellings of one full name have in common; `None` if the text is no full name of a person.
pub(crate) fn key(text: Option<&str>) -> Option<String> {
    let name = fold(known(text)?);
    // an address in the name field, or a gateway's "Mina Holt via Forum"
    if name.contains('@') || name.contains(" via ") || JUNK_NAMES.contains(&name.as_str()) {
        return None;
    }
    let words: Vec<&str> = name.split(' ').filter(|word| word.contains(char::is_alphabetic)).collect();
    let enough = words.len() >= 2 || is_short_script(&name);
    let junk = words.iter().all(|word| JUNK_WORDS.contains(word));
    (enough && !junk).then_some(name)
}

/// Two or more letters, all of scripts that write a whole name in a few characters.
fn is_short_script(name: &str) -> bool {
    let letters = name.chars().filter(|c| c.is_alphabetic());
    letters.clone().count() >= 2 && letters.into_iter().all(is_east_asian)
}

fn is_east_asian(letter: char) -> bool {
    let scripts = letter.script_extension();
    [Script::Han, Script::Hangul, Script::Hiragana, Script::Katakana, Script::Bopomofo]
        .into_iter()
        .any(|script| scripts.contains_script(script))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        key(Some(text))
    }

    #[test]
    fn latin_like_names_need_two_words() {
        assert_eq!(of(" Mina   HOLT ").as_deref(), Some("mina holt"));
        assert!(of("Мина Хольт").is_some());
        for text in ["Mina", "мина", "mina.holt", "Mina 7", "Mina -", "7 8"] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn east_asian_names_need_two_characters_and_stay_apart() {
        let names = ["王小明", "王大明", "김민준", "이서연", "やまだはなこ", "ヤマダ・ハナコ", "スーザン"];
        let keys: std::collections::HashSet<_> = names.iter().map(|name| of(name)).collect();
        assert!(keys.iter().all(Option::is_some));
        assert_eq!(keys.len(), names.len());
        for text in ["王", "王 ", "王x", "王1"] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(of("王 小明").as_deref(), Some("王 小明"), "two words in any script");
        assert_eq!(of("ﾔﾏﾀﾞ"), of("ヤマダ"), "half width");
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
        ] {
            assert_eq!(of(text), None, "{text}");
        }
        assert!(of("Rosa Test").is_some(), "one word of it is a name");
    }

    #[test]
    fn word_order_is_part_of_the_name() {
        assert_ne!(of("Holt Mina"), of("Mina Holt"));
    }
}

//! Filters of items in the manner of JQL, as `project = OPS AND priority in (P1, "P2 (high)") AND NOT labels = drill`.
//!
//! Fields are `project` (its full path; of Jira its key), `type`, `status`, `priority`, `labels`, `component`; operators `=`, `!=`,
//! `in (…)`, `not in (…)`, `is empty`, `is not empty`; between them `AND`, `OR`, `NOT` and parentheses. As in JQL, AND binds tighter than
//! OR, case does not matter, and `!=` and `not in` do not match a field that is empty. <https://support.atlassian.com/jira-software-cloud/docs/jql-operators/>

use std::{iter::Peekable, str::CharIndices};

/// Longest filter, in bytes.
const LENGTH_MAX: usize = 1_000;

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemFilterError {
    #[error("is longer than 1000 bytes")]
    Long,
    /// From the first character, which is 1.
    #[error("needs {wanted} at character {at}")]
    At { at: usize, wanted: String },
}

/// Names as people write them, and the property of an item.
const FIELDS: [(&str, &str); 9] = [
    ("project", "project"),
    ("type", "type"),
    ("issuetype", "type"),
    ("status", "status"),
    ("priority", "priority"),
    ("labels", "labels"),
    ("label", "labels"),
    ("component", "component"),
    ("components", "component"),
];

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// Quoted ones are only ever values.
    Text {
        text: String,
        quoted: bool,
    },
    Open,
    Close,
    Comma,
    Equal,
    NotEqual,
}

/// PostgreSQL's `jsonpath` of a filter: a predicate over an object of lower-case texts and lists of them, by the properties' names.
///
/// # Errors
///
/// [`ItemFilterError`]: where it cannot be read, and what should be there.
pub fn jsonpath(filter: &str) -> Result<String, ItemFilterError> {
    if filter.len() > LENGTH_MAX {
        return Err(ItemFilterError::Long);
    }
    let mut parser = Parser { tokens: tokens(filter)?, next: 0, end: filter.chars().count() + 1 };
    let path = parser.any()?;
    match parser.peek() {
        None => Ok(path),
        Some(_) => Err(parser.wanted("AND, OR or its end")),
    }
}

fn tokens(filter: &str) -> Result<Vec<(usize, Token)>, ItemFilterError> {
    let at_of = |byte: usize| filter[..byte].chars().count() + 1;
    let mut found = Vec::new();
    let mut chars = filter.char_indices().peekable();
    while let Some((byte, char)) = chars.next() {
        let at = at_of(byte);
        let token = match char {
            _ if char.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '=' => Token::Equal,
            '!' => match chars.next_if(|(_, next)| *next == '=') {
                Some(_) => Token::NotEqual,
                None => return Err(ItemFilterError::At { at: at + 1, wanted: "=".to_owned() }),
            },
            '"' | '\'' => match quoted(&mut chars, char) {
                Some(text) => Token::Text { text, quoted: true },
                None => return Err(ItemFilterError::At { at: at_of(filter.len()), wanted: format!("a closing {char}") }),
            },
            _ => {
                let mut text = char.to_string();
                while let Some((_, next)) = chars.next_if(|(_, next)| !next.is_whitespace() && !"()=!,\"'".contains(*next)) {
                    text.push(next);
                }
                Token::Text { text, quoted: false }
            }
        };
        if matches!(&token, Token::Text { text, .. } if text.contains(char::is_control)) {
            return Err(ItemFilterError::At { at, wanted: "a text without control characters".to_owned() });
        }
        found.push((at, token));
    }
    Ok(found)
}

/// Up to the closing quote; a backslash takes the next character as it is.
fn quoted(chars: &mut Peekable<CharIndices<'_>>, quote: char) -> Option<String> {
    let mut text = String::new();
    loop {
        match chars.next()?.1 {
            '\\' => text.push(chars.next()?.1),
            char if char == quote => return Some(text),
            char => text.push(char),
        }
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    /// Just behind the last character.
    end: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn wanted(&self, wanted: &str) -> ItemFilterError {
        let at = self.tokens.get(self.next).map_or(self.end, |(at, _)| *at);
        ItemFilterError::At { at, wanted: wanted.to_owned() }
    }

    fn takes(&mut self, token: &Token) -> bool {
        let is_it = self.peek() == Some(token);
        self.next += usize::from(is_it);
        is_it
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Text { text, quoted: false }) if text.eq_ignore_ascii_case(word));
        self.next += usize::from(is_it);
        is_it
    }

    fn any(&mut self) -> Result<String, ItemFilterError> {
        let mut parts = vec![self.all()?];
        while self.takes_word("or") {
            parts.push(self.all()?);
        }
        Ok(joined(parts, " || "))
    }

    fn all(&mut self) -> Result<String, ItemFilterError> {
        let mut parts = vec![self.one()?];
        while self.takes_word("and") {
            parts.push(self.one()?);
        }
        Ok(joined(parts, " && "))
    }

    fn one(&mut self) -> Result<String, ItemFilterError> {
        if self.takes_word("not") {
            return Ok(format!("!({})", self.one()?));
        }
        if self.takes(&Token::Open) {
            let inner = self.any()?;
            return if self.takes(&Token::Close) { Ok(inner) } else { Err(self.wanted("AND, OR or )")) };
        }
        self.clause()
    }

    fn clause(&mut self) -> Result<String, ItemFilterError> {
        let property = match self.peek() {
            Some(Token::Text { text, quoted: false }) => FIELDS.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)),
            _ => None,
        };
        let Some((_, property)) = property else {
            return Err(self.wanted("a field (project, type, status, priority, labels, component)"));
        };
        self.next += 1;
        let is_there = format!("exists($.{property}[*])");
        let is = |values: &[String]| {
            let each = values.iter().map(|value| format!("$.{property}[*] == {}", serde_json::json!(value.to_lowercase())));
            joined(each.collect(), " || ")
        };
        if self.takes(&Token::Equal) {
            return Ok(is(&[self.value()?]));
        }
        if self.takes(&Token::NotEqual) {
            return Ok(format!("({is_there} && !({}))", is(&[self.value()?])));
        }
        if self.takes_word("in") {
            return Ok(is(&self.values()?));
        }
        if self.takes_word("not") {
            return match self.takes_word("in") {
                true => Ok(format!("({is_there} && !({}))", is(&self.values()?))),
                false => Err(self.wanted("in")),
            };
        }
        if self.takes_word("is") {
            let not = self.takes_word("not");
            return match self.takes_word("empty") {
                true if not => Ok(is_there),
                true => Ok(format!("!({is_there})")),
                false => Err(self.wanted("empty")),
            };
        }
        Err(self.wanted("=, !=, in, not in, is empty or is not empty"))
    }

    fn values(&mut self) -> Result<Vec<String>, ItemFilterError> {
        if !self.takes(&Token::Open) {
            return Err(self.wanted("("));
        }
        let mut values = vec![self.value()?];
        while self.takes(&Token::Comma) {
            values.push(self.value()?);
        }
        if self.takes(&Token::Close) { Ok(values) } else { Err(self.wanted(", or )")) }
    }

    fn value(&mut self) -> Result<String, ItemFilterError> {
        let value = match self.peek() {
            Some(Token::Text { text, .. }) if !text.is_empty() => text.clone(),
            _ => return Err(self.wanted("a value (in quotes if it has blanks or signs)")),
        };
        self.next += 1;
        Ok(value)
    }
}

fn joined(parts: Vec<String>, between: &str) -> String {
    match parts.len() {
        1 => parts.concat(),
        _ => format!("({})", parts.join(between)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_jsonpath() {
        let of = |filter: &str| jsonpath(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
        assert_eq!(of("project = OPS"), r#"$.project[*] == "ops""#);
        assert_eq!(of("IssueType in (Bug, 'Service \"x\"')"), r#"($.type[*] == "bug" || $.type[*] == "service \"x\"")"#);
        assert_eq!(
            of("priority = P1 or labels != drill and not (component is empty or status is not Empty)"),
            r#"($.priority[*] == "p1" || ((exists($.labels[*]) && !($.labels[*] == "drill")) && !((!(exists($.component[*])) || exists($.status[*])))))"#
        );
        assert_eq!(of(r#"status not in ("Won't do")"#), r#"(exists($.status[*]) && !($.status[*] == "won't do"))"#);
        assert_eq!(of(r#"labels = "and""#), r#"$.labels[*] == "and""#, "a value may be a word of the language");
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        let told = |filter: &str| jsonpath(filter).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(told(""), "needs a field (project, type, status, priority, labels, component) at character 1");
        assert_eq!(told("reporter = me"), "needs a field (project, type, status, priority, labels, component) at character 1");
        assert_eq!(told("priority > 3"), "needs =, !=, in, not in, is empty or is not empty at character 10");
        assert_eq!(told("é = 1 x"), told("reporter = me"));
        assert_eq!(told("priority = é x"), "needs AND, OR or its end at character 14");
        assert_eq!(told("(type = a"), "needs AND, OR or ) at character 10");
        assert_eq!(told("type in (a b)"), "needs , or ) at character 12");
        assert_eq!(told("type in a"), "needs ( at character 9");
        assert_eq!(told("type ="), "needs a value (in quotes if it has blanks or signs) at character 7");
        assert_eq!(told("type = \"\""), "needs a value (in quotes if it has blanks or signs) at character 8");
        assert_eq!(told("type ! a"), "needs = at character 7");
        assert_eq!(told("type = 'a"), "needs a closing ' at character 10");
        assert_eq!(told("type = 'a\0'"), "needs a text without control characters at character 8");
        assert_eq!(told(&format!("type = {}", "a".repeat(1_000))), "is longer than 1000 bytes");
    }
}

//! The subset of JQL that a sync needs, read as strictly as Jira reads it.
//!
//! Time literals are in the user's zone and to the minute, numbers of milliseconds included.

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::model::{Issue, JiraFacts, Visibility};
use crate::company::model::Time;

/// What a query asks for.
#[derive(Debug)]
pub(crate) struct Query {
    filters: Vec<Filter>,
    order: Vec<(By, bool)>,
}

#[derive(Debug)]
enum Filter {
    Projects(Vec<usize>, bool),
    Issues(Vec<u64>, bool),
    Parents(Vec<u64>),
    Time { created: bool, op: Op, at: Time },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Less,
    AtMost,
    AtLeast,
    More,
    Is,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Updated,
    Created,
    Key,
    Id,
}

/// What rows are ordered by, one part per ORDER BY field and the id last.
pub(crate) type Position = Vec<(String, i64)>;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    'next: while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' {
            let (text, after) = quoted(rest).ok_or("Error in the JQL Query: The quoted string has not been completed.")?;
            tokens.push(Token::Quoted(text));
            rest = after.trim_start();
            continue;
        }
        for sign in [">=", "<=", "!=", ">", "<", "=", "(", ")", ","] {
            if let Some(after) = rest.strip_prefix(sign) {
                tokens.push(Token::Sign(sign));
                rest = after.trim_start();
                continue 'next;
            }
        }
        let end = rest.find(|c: char| c.is_whitespace() || "<>=!(),\"'".contains(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(format!("Error in the JQL Query: The character '{first}' is a reserved JQL character."));
        }
        tokens.push(Token::Word(rest[..end].to_owned()));
        rest = rest[end..].trim_start();
    }
    Ok(tokens)
}

/// A quoted text, without its quotes and backslashes, and what comes after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut chars = text.char_indices();
    let (_, quote) = chars.next()?;
    let mut out = String::new();
    while let Some((place, c)) = chars.next() {
        match c {
            '\\' => out.push(chars.next()?.1),
            c if c == quote => return Some((out, &text[place + 1..])),
            c => out.push(c),
        }
    }
    None
}

struct Parser<'a> {
    facts: &'a JiraFacts,
    zone: Tz,
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
}

/// Reads a query; an error is what Jira says with its 400.
pub(crate) fn parse(facts: &JiraFacts, zone: Tz, text: &str) -> Result<Query, String> {
    let mut parser = Parser { facts, zone, tokens: tokens(text)?.into_iter().peekable() };
    let mut query = Query { filters: Vec::new(), order: Vec::new() };
    if !parser.at_word("order") && parser.tokens.peek().is_some() {
        query.filters.push(parser.filter()?);
        while parser.at_word("and") {
            parser.tokens.next();
            query.filters.push(parser.filter()?);
        }
    }
    if parser.at_word("order") {
        parser.tokens.next();
        parser.word("by")?;
        query.order = parser.order()?;
    }
    if let Some(token) = parser.tokens.next() {
        return Err(format!("Error in the JQL Query: Expecting either 'OR' or 'AND' but got '{}'.", shown(&token)));
    }
    if query.filters.is_empty() {
        return Err("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.".to_owned());
    }
    Ok(query)
}

fn shown(token: &Token) -> &str {
    match token {
        Token::Word(text) | Token::Quoted(text) => text,
        Token::Sign(sign) => sign,
    }
}

impl Parser<'_> {
    fn at_word(&mut self, word: &str) -> bool {
        matches!(self.tokens.peek(), Some(Token::Word(text)) if text.eq_ignore_ascii_case(word))
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        if self.at_word(word) {
            self.tokens.next();
            return Ok(());
        }
        Err(format!("Error in the JQL Query: Expecting '{word}'."))
    }

    fn value(&mut self) -> Result<Token, String> {
        match self.tokens.next() {
            Some(token @ (Token::Word(_) | Token::Quoted(_))) => Ok(token),
            _ => Err("Error in the JQL Query: Expecting either a value, list or function.".to_owned()),
        }
    }

    fn values(&mut self) -> Result<Vec<Token>, String> {
        if self.tokens.next() != Some(Token::Sign("(")) {
            return Err("Error in the JQL Query: Expecting '(' after 'in'.".to_owned());
        }
        let mut values = vec![self.value()?];
        loop {
            match self.tokens.next() {
                Some(Token::Sign(",")) => values.push(self.value()?),
                Some(Token::Sign(")")) => return Ok(values),
                _ => return Err("Error in the JQL Query: Expecting ')' before the end of the query.".to_owned()),
            }
        }
    }

    fn filter(&mut self) -> Result<Filter, String> {
        let field = match self.tokens.next() {
            Some(Token::Word(text) | Token::Quoted(text)) => text,
            token => return Err(format!("Error in the JQL Query: Expecting a field name but got '{}'.", token.as_ref().map_or("", shown))),
        };
        let (op, negated, values) = self.comparison()?;
        let lower = field.to_ascii_lowercase();
        match lower.as_str() {
            "project" => {
                let found: Result<Vec<usize>, String> = values.iter().map(|value| self.project(shown(value))).collect();
                Ok(Filter::Projects(found?, negated))
            }
            "id" | "key" | "issuekey" | "issue" => {
                let found: Result<Vec<u64>, String> = values.iter().map(|value| self.issue(&lower, shown(value))).collect();
                Ok(Filter::Issues(found?, negated))
            }
            "parent" => {
                let found: Result<Vec<u64>, String> = values.iter().map(|value| self.issue(&lower, shown(value))).collect();
                Ok(Filter::Parents(found?))
            }
            "updated" | "updateddate" | "created" | "createddate" => {
                let at = self.time(&lower, &values[0])?;
                Ok(Filter::Time { created: lower.starts_with("created"), op, at })
            }
            _ => Err(format!("Field '{field}' does not exist or you do not have permission to view it.")),
        }
    }

    fn comparison(&mut self) -> Result<(Op, bool, Vec<Token>), String> {
        if self.at_word("not") {
            self.tokens.next();
            self.word("in")?;
            return Ok((Op::Is, true, self.values()?));
        }
        if self.at_word("in") {
            self.tokens.next();
            return Ok((Op::Is, false, self.values()?));
        }
        let (op, negated) = match self.tokens.next() {
            Some(Token::Sign("=")) => (Op::Is, false),
            Some(Token::Sign("!=")) => (Op::Is, true),
            Some(Token::Sign(">=")) => (Op::AtLeast, false),
            Some(Token::Sign(">")) => (Op::More, false),
            Some(Token::Sign("<=")) => (Op::AtMost, false),
            Some(Token::Sign("<")) => (Op::Less, false),
            token => return Err(format!("Error in the JQL Query: Expecting operator but got '{}'.", token.as_ref().map_or("", shown))),
        };
        Ok((op, negated, vec![self.value()?]))
    }

    /// By key, former keys included, name or id. What the token cannot see does not exist.
    fn project(&self, text: &str) -> Result<usize, String> {
        let is_it = |one: &super::model::JiraProject| {
            one.key.eq_ignore_ascii_case(text)
                || one.former_keys.iter().any(|key| key.eq_ignore_ascii_case(text))
                || one.name == text
                || one.id.to_string() == text
        };
        let seen = |one: &super::model::JiraProject| matches!(one.visibility, Visibility::Live | Visibility::Archived);
        let found = self.facts.projects.iter().position(|one| seen(one) && is_it(one));
        found.ok_or_else(|| format!("The value '{text}' does not exist for the field 'project'."))
    }

    fn issue(&self, field: &str, text: &str) -> Result<u64, String> {
        let found = self.facts.find(text).filter(|one| self.facts.is_visible(one)).map(|one| one.id);
        found.ok_or_else(|| match text.parse::<u64>() {
            Ok(_) => format!("A value with ID '{text}' does not exist for the field '{field}'."),
            Err(_) => format!("An issue with key '{text}' does not exist for field '{field}'."),
        })
    }

    fn time(&self, field: &str, value: &Token) -> Result<Time, String> {
        let text = shown(value);
        let minute = |at: Time| at - Duration::milliseconds(at.timestamp_millis().rem_euclid(60_000));
        let millis = if matches!(value, Token::Word(_)) { text.parse().ok() } else { None };
        if let Some(at) = millis.and_then(DateTime::from_timestamp_millis) {
            return Ok(minute(at));
        }
        if let Some(ago) = relative(text) {
            return Ok(minute(Utc::now() + ago));
        }
        let local = ["%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M"].iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
        let day = || ["%Y-%m-%d", "%Y/%m/%d"].iter().find_map(|format| NaiveDate::parse_from_str(text, format).ok());
        let local = local.or_else(|| day()?.and_hms_opt(0, 0, 0)).ok_or_else(|| {
            format!(
                "Date value '{text}' for field '{field}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', \
                 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
            )
        })?;
        // A time that the clock skips is an hour later; one that it strikes twice is the first.
        let at = self.zone.from_local_datetime(&local).earliest();
        let at = at.or_else(|| Some(self.zone.from_local_datetime(&(local - Duration::hours(1))).earliest()? + Duration::hours(1)));
        at.map(|at| at.with_timezone(&Utc)).ok_or_else(|| format!("Date value '{text}' for field '{field}' is invalid."))
    }

    fn order(&mut self) -> Result<Vec<(By, bool)>, String> {
        let mut order = Vec::new();
        loop {
            let token = self.value()?;
            let by = match shown(&token).to_ascii_lowercase().as_str() {
                "updated" | "updateddate" => By::Updated,
                "created" | "createddate" => By::Created,
                "key" | "issuekey" | "issue" => By::Key,
                "id" => By::Id,
                _ => return Err(format!("Field '{}' does not exist or you do not have permission to view it.", shown(&token))),
            };
            let mut descending = false;
            if self.at_word("desc") || self.at_word("asc") {
                descending = self.at_word("desc");
                self.tokens.next();
            }
            order.push((by, descending));
            if self.tokens.peek() != Some(&Token::Sign(",")) {
                break;
            }
            self.tokens.next();
        }
        if order.len() > 7 { Err("The maximum number of fields in ORDER BY is 7.".to_owned()) } else { Ok(order) }
    }
}

/// `-5d`, `-90m`.
fn relative(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    match unit {
        'w' => Some(Duration::weeks(number)),
        'd' => Some(Duration::days(number)),
        'h' => Some(Duration::hours(number)),
        'm' => Some(Duration::minutes(number)),
        _ => None,
    }
}

impl Query {
    /// Indices of the issues found, in order, each with its place.
    pub(crate) fn run(&self, facts: &JiraFacts) -> Vec<(Position, usize)> {
        let found = (0..facts.issues.len()).filter(|index| {
            let issue = &facts.issues[*index];
            facts.is_visible(issue) && self.filters.iter().all(|filter| filter.takes(issue))
        });
        let mut rows: Vec<(Position, usize)> = found.map(|index| (self.position(facts, &facts.issues[index]), index)).collect();
        rows.sort_unstable();
        rows
    }

    /// Descending numbers are negated; keys are ordered by project and number.
    fn position(&self, facts: &JiraFacts, issue: &Issue) -> Position {
        let part = |(by, descending): &(By, bool)| {
            let sign = if *descending { -1 } else { 1 };
            match by {
                By::Updated => (String::new(), sign * issue.updated_at.timestamp_millis()),
                By::Created => (String::new(), sign * issue.created_at.timestamp_millis()),
                By::Id => (String::new(), sign * issue.id as i64),
                By::Key => (turned(&facts.projects[issue.project].key, *descending), sign * issue.number as i64),
            }
        };
        self.order.iter().map(part).chain([(String::new(), issue.id as i64)]).collect()
    }
}

/// A text that sorts the other way round.
fn turned(text: &str, descending: bool) -> String {
    if descending { text.bytes().map(|byte| char::from(127 - byte.min(126))).chain(['\u{7f}']).collect() } else { text.to_owned() }
}

impl Filter {
    fn takes(&self, issue: &Issue) -> bool {
        match self {
            Self::Projects(projects, negated) => projects.contains(&issue.project) != *negated,
            Self::Issues(ids, negated) => ids.contains(&issue.id) != *negated,
            Self::Parents(ids) => issue.parent.is_some_and(|id| ids.contains(&id)),
            Self::Time { created, op, at } => {
                let time = if *created { issue.created_at } else { issue.updated_at };
                match op {
                    Op::Less => time < *at,
                    Op::AtMost => time <= *at,
                    Op::AtLeast => time >= *at,
                    Op::More => time > *at,
                    Op::Is => time == *at,
                }
            }
        }
    }
}

impl JiraFacts {
    /// By id or key, keys it had before included.
    pub(crate) fn find(&self, text: &str) -> Option<&Issue> {
        if let Ok(id) = text.parse() {
            return self.issue(id);
        }
        let (project, number) = text.rsplit_once('-')?;
        let number: u64 = number.parse().ok()?;
        let is = |key: &String| key.eq_ignore_ascii_case(project);
        let now = |one: &&Issue| {
            let of = &self.projects[one.project];
            one.number == number && (is(&of.key) || of.former_keys.iter().any(is))
        };
        let before = |one: &&Issue| one.former_keys.iter().any(|key| key.eq_ignore_ascii_case(text));
        self.issues.iter().find(now).or_else(|| self.issues.iter().find(before))
    }
}

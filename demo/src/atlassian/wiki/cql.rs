//! The subset of CQL that a sync needs. Times are read in the user's zone and to the minute.

use chrono::{Duration, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::model::{Comment, Document, WikiFacts};
use crate::company::model::Time;

#[derive(Debug, Default)]
pub(crate) struct Query {
    filters: Vec<Filter>,
    order: Option<(bool, bool)>,
}

#[derive(Debug)]
enum Filter {
    Types(Vec<String>),
    Spaces(Vec<String>),
    Ids(Vec<String>),
    Time { created: bool, op: String, at: Time },
}

/// Words, quoted texts and signs; quoted ones begin with a quote.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' | '\'' => rest[1..].find(first).map_or(rest.len(), |end| end + 2),
            '(' | ')' | ',' => 1,
            '<' | '>' | '=' | '!' => rest.find(|c: char| !"<>=!".contains(c)).unwrap_or(rest.len()),
            _ => rest.find(|c: char| c.is_whitespace() || "<>=!(),\"'".contains(c)).unwrap_or(rest.len()),
        };
        tokens.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    tokens
}

fn bare(token: &str) -> String {
    token.trim_matches(['"', '\'']).to_owned()
}

pub(crate) fn parse(zone: Tz, text: &str) -> Result<Query, String> {
    let bad = || format!("Could not parse cql : {text}");
    let all = tokens(text);
    let mut at = 0;
    let mut query = Query::default();
    let is = |at: usize, word: &str| all.get(at).is_some_and(|token: &String| token.eq_ignore_ascii_case(word));
    while at < all.len() && !is(at, "order") {
        let field = all[at].to_ascii_lowercase();
        let op = all.get(at + 1).ok_or_else(bad)?.to_ascii_lowercase();
        let mut values = Vec::new();
        if op == "in" {
            at += 3;
            while at < all.len() && all[at] != ")" {
                if all[at] != "," {
                    values.push(bare(&all[at]));
                }
                at += 1;
            }
            at += 1;
        } else {
            values.push(bare(all.get(at + 2).ok_or_else(bad)?));
            at += 3;
        }
        query.filters.push(match field.as_str() {
            "type" => Filter::Types(values),
            "space" | "space.key" => Filter::Spaces(values),
            "id" | "content" => Filter::Ids(values),
            "lastmodified" | "created" => {
                let time = values.first().and_then(|text| time(zone, text)).ok_or_else(bad)?;
                Filter::Time { created: field == "created", op, at: time }
            }
            _ => return Err(bad()),
        });
        if at < all.len() && !is(at, "order") {
            if !is(at, "and") {
                return Err(bad());
            }
            at += 1;
        }
    }
    if at < all.len() {
        let created = is(at + 2, "created");
        if !is(at + 1, "by") || !(created || is(at + 2, "lastmodified")) {
            return Err(bad());
        }
        query.order = Some((created, is(at + 3, "desc")));
    }
    if query.filters.is_empty() { Err(bad()) } else { Ok(query) }
}

fn time(zone: Tz, text: &str) -> Option<Time> {
    let local = ["%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M"].iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let day = || ["%Y-%m-%d", "%Y/%m/%d"].iter().find_map(|format| NaiveDate::parse_from_str(text, format).ok());
    let local = local.or_else(|| day()?.and_hms_opt(0, 0, 0))?;
    let at = zone.from_local_datetime(&local).earliest();
    let at = at.or_else(|| Some(zone.from_local_datetime(&(local - Duration::hours(1))).earliest()? + Duration::hours(1)))?;
    Some(at.with_timezone(&Utc))
}

/// An index into what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Found {
    Document(usize),
    Comment(usize),
}

/// What queries compare.
struct Item<'a> {
    id: i64,
    kind: &'static str,
    space: &'a str,
    created: Time,
    modified: Time,
}

impl<'a> Item<'a> {
    fn of(facts: &'a WikiFacts, one: &Document) -> Self {
        let kind = if one.is_blog { "blogpost" } else { "page" };
        let space = facts.spaces[one.space].key.as_str();
        Self { id: one.id as i64, kind, space, created: one.created_at(), modified: one.indexed_at() }
    }

    fn of_comment(facts: &'a WikiFacts, one: &Comment) -> Option<Self> {
        let document = facts.documents.iter().find(|document| document.id == one.document)?;
        let space = facts.spaces[document.space].key.as_str();
        Some(Self { id: one.id as i64, kind: "comment", space, created: one.created_at, modified: one.created_at })
    }
}

impl Query {
    /// What is found, in order, each with its place. Nothing that is archived or in the trash, nor comments there.
    pub(crate) fn run(&self, facts: &WikiFacts) -> Vec<((i64, i64), Found)> {
        let documents = facts.documents.iter().enumerate().filter(|(_, one)| one.status == "current" && facts.is_visible(one));
        let documents = documents.map(|(index, one)| (Item::of(facts, one), Found::Document(index)));
        let comments = facts.comments.iter().enumerate().filter(|(_, one)| facts.is_shown(one));
        let comments = comments.filter_map(|(index, one)| Some((Item::of_comment(facts, one)?, Found::Comment(index))));
        let found = documents.chain(comments).filter(|(item, _)| self.filters.iter().all(|filter| filter.takes(item)));
        let mut rows: Vec<((i64, i64), Found)> = found.map(|(item, found)| (self.position(&item), found)).collect();
        rows.sort_unstable();
        rows
    }

    fn position(&self, one: &Item<'_>) -> (i64, i64) {
        let key = self.order.map_or(0, |(created, descending)| {
            let time = if created { one.created } else { one.modified };
            if descending { -time.timestamp_millis() } else { time.timestamp_millis() }
        });
        (key, one.id)
    }
}

impl Filter {
    fn takes(&self, one: &Item<'_>) -> bool {
        let has = |values: &[String], text: &str| values.iter().any(|value| value.eq_ignore_ascii_case(text));
        match self {
            Self::Types(types) => has(types, one.kind),
            Self::Spaces(keys) => has(keys, one.space),
            Self::Ids(ids) => has(ids, &one.id.to_string()),
            Self::Time { created, op, at } => {
                let time = if *created { one.created } else { one.modified };
                match op.as_str() {
                    ">=" => time >= *at,
                    ">" => time > *at,
                    "<=" => time <= *at,
                    "<" => time < *at,
                    _ => time == *at,
                }
            }
        }
    }
}

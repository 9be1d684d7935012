//! Spaces, pages, blog posts, their versions, labels and comments.

use std::sync::Arc;

use chrono::Duration;

use super::super::accounts::Directory;
use super::model::{Block, Comment, Document, Space, Version, WikiFacts};
use crate::company::Span;
use crate::company::dice::{Dice, mix};
use crate::company::model::Time;

const FIRST_ID: u64 = 98_304;
/// (key, name, kind, status).
const SPACES: [(&str, &str, &str, &str); 8] = [
    ("ENG", "Engineering", "global", "current"),
    ("PROD", "Produkt & Roadmap", "collaboration", "current"),
    ("OPSDOC", "Betrieb", "global", "current"),
    ("~me", "Personal notes", "personal", "current"),
    ("SEC", "Security \"handbook\"", "global", "current"),
    ("团队", "移动团队", "collaboration", "current"),
    ("SALES", "Sales", "global", "current"),
    ("OLDWIKI", "Old wiki", "global", "archived"),
];
const TITLES: [&str; 12] = [
    "Meeting notes",
    "How we release",
    "Runbook: payments",
    "Postmortem",
    "设计文档",
    "Größenordnungen & Grenzen",
    "Décisions d'architecture",
    "Onboarding",
    "A \"quoted\" <title>",
    "Capacity plan",
    "Retrospective",
    "API guidelines",
];
const SENTENCES: [&str; 8] = [
    "We agreed to ship this with the next release.",
    "Größe & Gewicht müssen < 3 kg bleiben.",
    "これは仕様です。",
    "The owner is asked to confirm \"by Friday\".",
    "See the table below for numbers.",
    "Nobody remembers why; it works.",
    "La réunion est reportée.",
    "Rollback takes ten minutes.",
];
const LABELS: [&str; 7] = ["runbook", "decision", "meeting-notes", "größe", "2026-q1", "draft", "客户"];

/// `count` pages and blog posts in `spaces` spaces; `keys` are Jira's, to be mentioned.
pub(crate) fn generate(seed: u64, directory: Arc<Directory>, spaces: usize, count: usize, span: Span, keys: &[String]) -> WikiFacts {
    let mut dice = Dice::new(mix(seed, 51));
    let writers = directory.writers.clone();
    let spaces: Vec<Space> = SPACES
        .iter()
        .take(spaces.clamp(1, SPACES.len()))
        .enumerate()
        .map(|(index, (key, name, kind, status))| {
            let author = dice.pick(&writers);
            let key =
                if *kind == "personal" { format!("~{}", directory.accounts[author].id.replace([':', '-'], "")) } else { (*key).to_owned() };
            let created_at = span.start - Duration::days(30 - index as i64);
            Space { id: 65_536 + 11 * index as u64, key, name: (*name).to_owned(), kind, status, author, created_at, hidden: false }
        })
        .collect();
    let mut facts = WikiFacts { as_of: span.end, directory, spaces, documents: Vec::new(), comments: Vec::new(), token_epoch: 1, edits: 0 };
    let mut starts: Vec<Time> = (0..count).map(|_| dice.working_time(span.start, span.end)).collect();
    starts.sort_unstable();
    for (index, created) in starts.into_iter().enumerate() {
        let document = document(&mut dice, &facts, &writers, index, created, keys, span);
        facts.documents.push(document);
    }
    same_minute(&mut facts, span);
    comments(&mut dice, &mut facts, &writers, span);
    facts
}

fn document(dice: &mut Dice, facts: &WikiFacts, writers: &[usize], index: usize, created: Time, keys: &[String], span: Span) -> Document {
    let space = if index < facts.spaces.len() { index } else { dice.index(facts.spaces.len()) };
    let is_blog = index % 8 == 6;
    let siblings: Vec<u64> =
        facts.documents.iter().filter(|one| one.space == space && !one.is_blog && one.status == "current").map(|one| one.id).collect();
    let author = (index % 61 != 33).then(|| dice.pick(writers));
    let mention = |dice: &mut Dice| (!keys.is_empty()).then(|| keys[dice.index(keys.len())].clone());
    let mut title = format!("{} {}", TITLES[dice.index(TITLES.len())], index + 1);
    if let Some(key) = (index % 10 == 2).then(|| mention(dice)).flatten() {
        title = format!("{key}: {title}");
    }
    Document {
        id: FIRST_ID + 17 * index as u64,
        space,
        is_blog,
        title,
        status: match index % 20 {
            11 => "trashed",
            15 if !is_blog => "archived",
            _ => "current",
        },
        parent: if is_blog || siblings.is_empty() || !dice.chance(0.7) { None } else { Some(dice.pick(&siblings)) },
        author,
        owner: if is_blog { None } else { author },
        labels: labels(dice),
        versions: versions(dice, writers, author, created, index, span),
        body: body(dice, index, keys),
    }
}

fn labels(dice: &mut Dice) -> Vec<String> {
    let mut labels: Vec<String> = (0..dice.between(0, 4)).map(|_| dice.pick(&LABELS).to_owned()).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

/// Some pages have more versions than a page of them shows.
fn versions(dice: &mut Dice, writers: &[usize], author: Option<usize>, created: Time, index: usize, span: Span) -> Vec<Version> {
    let mut versions = vec![Version { number: 1, author, at: created, minor: false, message: "" }];
    let count = if index % 70 == 35 { 260 } else { dice.between(0, 6) };
    let room = (span.end - created).num_milliseconds() / (count + 1);
    for n in 0..count {
        let at = created + Duration::milliseconds(room * (n + 1)) - dice.millis(0, (room / 3).max(1));
        let message = if n % 3 == 0 { "Typo – \"fixed\"" } else { "" };
        versions.push(Version { number: n + 2, author: Some(dice.pick(writers)), at, minor: n % 4 == 1, message });
    }
    versions
}

fn body(dice: &mut Dice, index: usize, keys: &[String]) -> Vec<Block> {
    let mut body: Vec<Block> = (0..dice.between(1, 5)).map(|_| Block::Text(dice.pick(&SENTENCES).to_owned())).collect();
    if !keys.is_empty() && index % 3 == 1 {
        for n in 0..dice.between(1, 4) {
            let key = keys[dice.index(keys.len())].clone();
            body.push(match (index as i64 + n) % 3 {
                0 => Block::Text(format!("This is what {key} is about, and {key} alone.")),
                1 => Block::Macro(key),
                _ => Block::Link(key),
            });
        }
    }
    if index % 9 == 4 {
        body.push(Block::Code("if (a < b && c > d) { return \"]] >\"; }".to_owned()));
    }
    if index == 21 {
        // More than anybody wants to keep.
        body.extend((0..4000).map(|n| Block::Text(format!("Line {n} of a page that nobody ever split up. {}", SENTENCES[n % 8]))));
    }
    body
}

/// A tree of pages restored at once: many within one minute.
fn same_minute(facts: &mut WikiFacts, span: Span) {
    let minute = (span.end - Duration::days(12)).timestamp() / 60 * 60;
    let Some(minute) = chrono::DateTime::from_timestamp(minute, 0) else { return };
    let author = facts.directory.writers[0];
    let count = facts.documents.len() / 5;
    for (n, one) in facts.documents.iter_mut().filter(|one| one.status == "current" && one.updated_at() < minute).take(count).enumerate() {
        let number = one.last().number + 1;
        let at = minute + Duration::milliseconds(300 + 700 * (n as i64 / 2 % 80));
        one.versions.push(Version { number, author: Some(author), at, minor: true, message: "Restored" });
    }
}

fn comments(dice: &mut Dice, facts: &mut WikiFacts, writers: &[usize], span: Span) {
    let mut id = 200_000;
    let documents: Vec<(u64, Time, bool)> = facts
        .documents
        .iter()
        .enumerate()
        .filter(|(index, one)| index % 3 == 0 && one.status == "current")
        .map(|(index, one)| (one.id, one.created_at(), index % 60 == 30))
        .collect();
    for (document, created, many) in documents {
        let count = if many { 30 } else { dice.between(1, 5) };
        let mut above: Option<(u64, bool)> = None;
        for n in 0..count {
            id += 13;
            let created_at = created + dice.about_hours(60.0);
            if created_at > span.end {
                continue;
            }
            // Every third answers the one before.
            let reply = above.filter(|_| n % 3 == 2);
            let inline = reply.map_or(n % 4 == 1, |(_, inline)| inline);
            let parent = reply.map(|(parent, _)| parent);
            facts.comments.push(Comment { id, document, author: dice.pick(writers), inline, parent, created_at });
            above = Some((id, inline)).filter(|_| parent.is_none());
        }
    }
}

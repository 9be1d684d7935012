//! Releases on the wire.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use ovia_store::versions::{MemberListed, ScopeRow, VersionRow};
use poem_openapi::Object;
use uuid::Uuid;

use crate::{mentions::WorkItemRefOut, page::ListOf, time::Time, who::WhoOut, work_items::NamedOut};

/// What a project plans to release, or has released.
#[derive(Object)]
#[oai(rename = "Release")]
pub(crate) struct ReleaseOut {
    id: i64,
    connection_id: Uuid,
    source: String,
    external_id: String,
    url: Option<String>,
    /// The project's full path; null until the project itself has been synced.
    project: Option<String>,
    project_external_id: String,
    name: String,
    description: Option<String>,
    released: bool,
    archived: bool,
    start_on: Option<NaiveDate>,
    /// As planned; the real one once it is released.
    release_on: Option<NaiveDate>,
}

/// One release, with what is in it and how far that is.
#[derive(Object)]
#[oai(rename = "ReleaseDetail")]
pub(crate) struct ReleaseDetailOut {
    #[oai(flatten)]
    pub release: ReleaseOut,
    pub scope: ScopeOut,
    pub progress: ProgressOut,
    /// What chose this release for how many of its items.
    pub membership: Vec<RuleCountOut>,
    /// The first page of what is in it and why. More of it: GET /releases/{id}/items.
    pub items: ListOf<ReleaseItemOut>,
}

/// What is in a release.
#[derive(Object)]
#[oai(rename = "ReleaseScope")]
pub(crate) struct ScopeOut {
    items: i64,
    by_type: Vec<TypeCountOut>,
    /// Of those that have points; null where none has.
    story_points: Option<f64>,
    /// Where to list them: whole work items.
    rows_path: String,
}

/// Work items that one rule put into a release.
#[derive(Object)]
#[oai(rename = "MembershipRule")]
pub(crate) struct RuleCountOut {
    /// `fix_version`, `label` …: docs/integrity.md.
    rule: String,
    unambiguous: bool,
    items: i64,
}

/// Work items of one type.
#[derive(Object)]
#[oai(rename = "TypeCount")]
struct TypeCountOut {
    /// `epic`, `story`, `bug`, `task`, `subtask`.
    #[oai(rename = "type")]
    kind: String,
    items: i64,
}

/// How far a release is: its work items by where their statuses stand.
#[derive(Object)]
#[oai(rename = "ReleaseProgress")]
pub(crate) struct ProgressOut {
    todo: i64,
    in_progress: i64,
    done: i64,
    /// The source names no category of their statuses.
    unknown: i64,
    /// Of the items, how many are done; null where there are none.
    percent_done: Option<f64>,
    /// Of items that are done and have points; null where there are none.
    story_points_done: Option<f64>,
}

/// A work item in a release, and why it is there.
#[derive(Object)]
#[oai(rename = "ReleaseItem")]
pub(crate) struct ReleaseItemOut {
    work_item: WorkItemRefOut,
    /// What chose this release for it: docs/integrity.md.
    rule: String,
    unambiguous: bool,
    /// Releases that were to choose from, this one first.
    candidates: Vec<NamedOut>,
    /// When it was put there last; null where it was made so, or its changelog is not known.
    added_at: Option<Time>,
    added_by: Option<WhoOut>,
}

impl From<VersionRow> for ReleaseOut {
    fn from(row: VersionRow) -> Self {
        Self {
            id: row.id,
            connection_id: row.connection_id.0,
            source: row.source,
            external_id: row.external_id,
            url: row.url,
            project: row.project,
            project_external_id: row.project_external_id,
            name: row.name,
            description: row.description,
            released: row.released,
            archived: row.archived,
            start_on: row.start_on,
            release_on: row.release_on,
        }
    }
}

impl ScopeOut {
    /// `rows` come in the order of types.
    pub fn new(release: i64, rows: &[ScopeRow]) -> Self {
        let mut by_type: Vec<TypeCountOut> = Vec::new();
        for row in rows {
            match by_type.last_mut() {
                Some(last) if last.kind == row.kind => last.items += row.items,
                _ => by_type.push(TypeCountOut { kind: row.kind.clone(), items: row.items }),
            }
        }
        Self { items: items(rows), by_type, story_points: points(rows), rows_path: format!("/work-items?release={release}") }
    }
}

impl ProgressOut {
    pub fn new(rows: &[ScopeRow]) -> Self {
        let of = |category: Option<&str>| -> Vec<ScopeRow> {
            rows.iter().filter(|row| row.status_category.as_deref() == category).cloned().collect()
        };
        let (all, done) = (items(rows), of(Some("done")));
        Self {
            todo: items(&of(Some("todo"))),
            in_progress: items(&of(Some("in_progress"))),
            done: items(&done),
            unknown: items(&of(None)),
            percent_done: (all > 0).then(|| 100.0 * items(&done) as f64 / all as f64),
            story_points_done: points(&done),
        }
    }
}

impl RuleCountOut {
    /// By the names of the rules.
    pub fn all(rows: &[ScopeRow]) -> Vec<Self> {
        let mut counts: BTreeMap<(&str, bool), i64> = BTreeMap::new();
        for row in rows {
            *counts.entry((&row.rule, row.unambiguous)).or_default() += row.items;
        }
        counts.into_iter().map(|((rule, unambiguous), items)| Self { rule: rule.to_owned(), unambiguous, items }).collect()
    }
}

fn items(rows: &[ScopeRow]) -> i64 {
    rows.iter().map(|row| row.items).sum()
}

fn points(rows: &[ScopeRow]) -> Option<f64> {
    rows.iter().filter_map(|row| row.points).reduce(|sum, points| sum + points)
}

impl From<MemberListed> for ReleaseItemOut {
    fn from(listed: MemberListed) -> Self {
        let row = listed.member;
        Self {
            work_item: WorkItemRefOut {
                id: Some(row.id),
                external_id: row.external_id,
                key: Some(row.key),
                title: Some(row.title),
                kind: Some(row.kind),
                status_category: row.status_category,
            },
            rule: row.rule,
            unambiguous: row.unambiguous,
            candidates: row.candidates.0.into_iter().map(NamedOut::from).collect(),
            added_at: row.added_at.map(Time),
            added_by: listed.added_by.map(WhoOut::from),
        }
    }
}

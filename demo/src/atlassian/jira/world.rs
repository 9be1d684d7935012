//! The site with its JSON: what lists show is rendered when first asked for, and kept until an edit.

use std::sync::OnceLock;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::super::server::{SiteOptions, World};
use super::model::JiraFacts;
use super::routes;
use super::wire::{self, Style};
use crate::server::{Call, Dialect, Rewrite, Route};
use crate::wire::render;

pub(crate) struct JiraWorld {
    pub facts: JiraFacts,
    pub style: Style,
    pub page_cap: Option<usize>,
    /// By index: fields of an issue, as name and JSON.
    fields: Vec<OnceLock<Vec<(String, Bytes)>>>,
    /// By index: changelog entries of an issue, oldest first, alone and in bulk.
    histories: Vec<OnceLock<Vec<[Bytes; 2]>>>,
}

impl World for JiraWorld {
    type Facts = JiraFacts;
    const DIALECT: Dialect = Dialect::Jira;
    const GATEWAY: &'static str = "/ex/jira";

    fn build(facts: JiraFacts, options: &SiteOptions, origin: &str) -> Self {
        let count = facts.issues.len();
        Self {
            facts,
            style: Style { origin: origin.to_owned(), zone: options.time_zone },
            page_cap: options.page_cap,
            fields: (0..count).map(|_| OnceLock::new()).collect(),
            histories: (0..count).map(|_| OnceLock::new()).collect(),
        }
    }

    fn facts(&self) -> &JiraFacts {
        &self.facts
    }

    fn routes() -> &'static [Route<Self>] {
        routes::ROUTES
    }

    fn takes_post(template: &str) -> bool {
        ["/jql", "/approximate-count", "/bulkfetch", "/worklog/list"].iter().any(|end| template.ends_with(end))
    }

    fn takes_get_too(template: &str) -> bool {
        template.ends_with("/jql")
    }

    fn change(facts: &mut JiraFacts, kind: &str, count: usize, at: DateTime<Utc>) -> Option<Vec<String>> {
        Some(match kind {
            "edit_issues" => facts.edit_issues(count, at),
            "add_issues" => facts.add_issues(count, at),
            "move_issues" => facts.move_issues(count, at),
            "delete_issues" => facts.delete_issues(count),
            "add_worklogs" => facts.add_worklogs(count, at),
            "remove_links" => facts.remove_links(count, at),
            "delete_worklogs" => facts.delete_worklogs(count, at),
            _ => return None,
        })
    }

    fn rewritten(&self, rewrite: Rewrite, call: &Call, body: &[u8]) -> Bytes {
        let mut page: Value = serde_json::from_slice(body).unwrap_or_default();
        let asked: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let token = call.param("nextPageToken").or(asked["nextPageToken"].as_str()).unwrap_or("again").to_owned();
        let Some(object) = page.as_object_mut() else { return Bytes::copy_from_slice(body) };
        match rewrite {
            Rewrite::RepeatToken => {
                object.insert("nextPageToken".to_owned(), token.into());
            }
            Rewrite::EmptyPage => {
                for rows in ["issues", "values", "issueChangeLogs"] {
                    object.entry(rows).and_modify(|rows| *rows = Value::Array(Vec::new()));
                }
                object.entry("nextPageToken").or_insert_with(|| token.into());
            }
        }
        object.entry("isLast").and_modify(|last| *last = false.into());
        render(&page)
    }

    fn truth(facts: &JiraFacts) -> Value {
        serde_json::to_value(facts.truth()).unwrap_or_default()
    }
}

/// Which parts of an issue to show.
pub(crate) struct Shown {
    /// As asked for: `*all`, `*navigable`, `summary`, `-comment`, `id`.
    fields: Vec<String>,
    pub changelog: bool,
}

impl Shown {
    pub(crate) fn new(fields: Vec<String>, expand: &str) -> Self {
        Self { fields, changelog: expand.split(',').any(|part| part.trim() == "changelog") }
    }

    /// Nothing but ids and keys: such pages may be long.
    pub(crate) fn is_bare(&self) -> bool {
        !self.changelog && self.fields.iter().all(|field| field == "id" || field == "key")
    }

    fn takes(&self, name: &str) -> bool {
        let has = |wanted: &str| self.fields.iter().any(|field| field == wanted);
        let excluded = self.fields.iter().any(|field| field.strip_prefix('-') == Some(name));
        !excluded && (has("*all") || (has("*navigable") && name != "worklog") || has(name))
    }
}

impl JiraWorld {
    fn fields(&self, index: usize) -> &[(String, Bytes)] {
        self.fields[index].get_or_init(|| {
            let fields = wire::fields(&self.facts, &self.style, &self.facts.issues[index]);
            fields.into_iter().map(|(name, value)| (name, render(&value))).collect()
        })
    }

    /// Changelog entries, oldest first: alone, and as in bulk.
    pub(crate) fn histories(&self, index: usize) -> &[[Bytes; 2]] {
        self.histories[index].get_or_init(|| {
            let histories = self.facts.issues[index].histories.iter();
            histories.map(|one| [false, true].map(|bulk| render(&wire::history(&self.facts, &self.style, one, bulk)))).collect()
        })
    }

    /// One issue with the parts asked for. Without any, its id alone.
    pub(crate) fn issue(&self, index: usize, shown: &Shown, out: &mut Vec<u8>) {
        let issue = &self.facts.issues[index];
        let bare = shown.is_bare();
        let head = format!(r#"{{"id":"{}""#, issue.id);
        out.extend_from_slice(head.as_bytes());
        if !bare || shown.fields.iter().any(|field| field == "key") {
            let key = self.facts.key(issue);
            let own = format!(
                r#","expand":"renderedFields,names,schema,operations,editmeta,changelog","self":"{}/rest/api/3/issue/{}","key":"{key}""#,
                self.style.origin, issue.id
            );
            out.extend_from_slice(own.as_bytes());
        }
        if shown.changelog {
            self.changelog(index, out);
        }
        if !bare {
            out.extend_from_slice(br#","fields":{"#);
            let mut first = true;
            for (name, json) in self.fields(index).iter().filter(|(name, _)| shown.takes(name)) {
                out.extend_from_slice(if first { b"\"" } else { b",\"" });
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
                out.extend_from_slice(json);
                first = false;
            }
            out.push(b'}');
        }
        out.push(b'}');
    }

    /// The newest 40 entries, newest first; the rest cannot be had this way.
    fn changelog(&self, index: usize, out: &mut Vec<u8>) {
        let histories = self.histories(index);
        let newest: Vec<&Bytes> = histories.iter().rev().take(40).map(|entry| &entry[0]).collect();
        let head = format!(r#","changelog":{{"startAt":0,"maxResults":{},"total":{},"histories":"#, newest.len(), histories.len());
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(&crate::wire::array(newest));
        out.push(b'}');
    }
}

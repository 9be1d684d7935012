//! Whether one item is still there, and if not, whether it was deleted or the account lost sight of it.
//!
//! Jira says the same of both. So what the item belongs to is asked too: a deletion is certain only where the account still sees that. In
//! doubt an item counts as not visible.

use serde_json::{Value, json};

use super::client::BulkIssues;
use super::lists::{Lists, no_stream};
use super::streams::{BOARDS, FIELDS, GROUP_MEMBERS, GROUPS, ISSUES, PROJECTS, SPRINTS, STATUSES, USERS, VERSIONS};
use crate::ConnectorError;
use crate::contract::Presence;
use crate::http::RequestCount;
use crate::look::{Look, look};
use crate::offset::Offset;

impl Lists<'_> {
    /// Looks for one item of a list stream.
    pub async fn presence(&self, stream: &str, partition: &str, id: &str) -> Result<Presence, ConnectorError> {
        let requests = RequestCount::to("presence");
        match stream {
            ISSUES => self.issue_presence(partition, id, &requests).await,
            PROJECTS => self.project_presence(id, &requests).await,
            USERS => self.item(&["api", "3", "user"], &[("accountId", id)], &requests).await,
            VERSIONS => match self.look(&["api", "3", "version", id], &[], &requests).await? {
                Look::Found(_) => Ok(Presence::Present),
                Look::Missing if self.sees_project(partition, &requests).await? => Ok(Presence::Deleted),
                _ => Ok(Presence::NotVisible),
            },
            BOARDS => self.item(&["agile", "1.0", "board", id], &[], &requests).await,
            SPRINTS => self.item(&["agile", "1.0", "sprint", id], &[], &requests).await,
            STATUSES => self.item(&["api", "3", "status", id], &[], &requests).await,
            FIELDS | GROUPS | GROUP_MEMBERS => self.listed(stream, partition, id, &requests).await,
            other => Err(no_stream(format!("there is no stream `{other}` with a partition `{partition}`"))),
        }
    }

    /// Wherever it was moved, its id is the same.
    async fn issue_presence(&self, project: &str, id: &str, requests: &RequestCount) -> Result<Presence, ConnectorError> {
        let url = self.client.api(&["issue", "bulkfetch"], &[]);
        let body = json!({"issueIdsOrKeys": [id], "fields": ["project"]});
        let is_it = |issue: &Value| issue.get("id").is_some_and(|found| is(found, id));
        match look(self.client.ask::<BulkIssues>(&url, &body, requests).await)? {
            Look::Found(answer) if answer.body.issues.iter().any(is_it) => Ok(Presence::Present),
            Look::Found(_) | Look::Missing if self.sees_project(project, requests).await? => Ok(Presence::Deleted),
            _ => Ok(Presence::NotVisible),
        }
    }

    /// A project that is gone answers as one that is hidden, so nothing can be known of it; one in the trash says so.
    async fn project_presence(&self, id: &str, requests: &RequestCount) -> Result<Presence, ConnectorError> {
        Ok(match self.look(&["api", "3", "project", id], &[], requests).await? {
            Look::Found(project) if project.get("deleted") == Some(&Value::Bool(true)) => Presence::Deleted,
            Look::Found(_) => Presence::Present,
            Look::Missing | Look::Refused => Presence::NotVisible,
        })
    }

    pub async fn sees_project(&self, project: &str, requests: &RequestCount) -> Result<bool, ConnectorError> {
        Ok(matches!(self.look(&["api", "3", "project", project], &[], requests).await?, Look::Found(_)))
    }

    /// An item of the site.
    async fn item(&self, segments: &[&str], query: &[(&str, &str)], requests: &RequestCount) -> Result<Presence, ConnectorError> {
        Ok(match self.look(segments, query, requests).await? {
            Look::Found(_) => Presence::Present,
            Look::Missing => Presence::Deleted,
            Look::Refused => Presence::NotVisible,
        })
    }

    /// What has no address of its own is looked for in its list, read to the end.
    async fn listed(&self, stream: &str, partition: &str, id: &str, requests: &RequestCount) -> Result<Presence, ConnectorError> {
        let mut place = Some(Offset::default());
        while let Some(offset) = place {
            let page = self.ids(stream, partition, &offset, requests).await?;
            if page.ids.iter().any(|found| found == id) {
                return Ok(Presence::Present);
            }
            if page.not_available.is_some() {
                return Ok(Presence::NotVisible);
            }
            place = page.next;
        }
        Ok(Presence::Deleted)
    }

    async fn look(&self, segments: &[&str], query: &[(&str, &str)], requests: &RequestCount) -> Result<Look<Value>, ConnectorError> {
        look(self.client.get::<Value>(&self.client.url(segments, query), requests).await.map(|answer| answer.body))
    }
}

fn is(found: &Value, id: &str) -> bool {
    match found {
        Value::String(found) => found == id,
        Value::Number(found) => found.to_string() == id,
        _ => false,
    }
}

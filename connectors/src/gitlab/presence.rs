//! Whether one item is still there, and if not, whether it was deleted or the token lost sight of it.
//!
//! GitLab answers 404 to both. So what the item belongs to is asked too: a deletion is certain only where the token still sees that, with
//! rights that would show the item. In doubt an item counts as not visible.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::lists::Lists;
use super::scope::Scope;
use super::streams::{GROUPS, MEMBERS, PROJECTS, ProjectList};
use super::wire::{Id, parse_row};
use crate::ConnectorError;
use crate::contract::Presence;
use crate::http::RequestCount;
use crate::look::{Look, look};

/// From this access level on, an account sees confidential issues.
const REPORTER: i64 = 20;

/// What is read of a stored payload or of an item.
#[derive(Default, Deserialize)]
struct Item {
    #[serde(default)]
    id: Option<Id>,
    #[serde(default)]
    iid: Option<i64>,
    #[serde(default)]
    confidential: Option<bool>,
}

impl Lists<'_> {
    /// Looks for one item of a list stream.
    pub async fn presence(
        &self,
        stream: &str,
        partition: &str,
        external_id: &str,
        payload: Option<&RawValue>,
    ) -> Result<Presence, ConnectorError> {
        let requests = RequestCount::to("presence");
        match (stream, Scope::parse(partition)) {
            (MEMBERS, Some(scope)) => self.member(scope, partition, external_id, &requests).await,
            (GROUPS | PROJECTS, Some(scope)) => self.scoped(stream, scope, external_id, &requests).await,
            _ if ProjectList::find(stream).is_some() => self.project_item(stream, partition, external_id, payload, &requests).await,
            _ => Err(configuration(format!("there is no stream `{stream}` with a partition `{partition}`"))),
        }
    }

    /// An item of a project.
    async fn project_item(
        &self,
        stream: &str,
        project: &str,
        external_id: &str,
        payload: Option<&RawValue>,
        requests: &RequestCount,
    ) -> Result<Presence, ConnectorError> {
        let stored: Item = payload.and_then(|payload| parse_row(payload.get()).ok()).unwrap_or_default();
        let address = match stream {
            "issues" | "merge_requests" => match stored.iid {
                Some(iid) => iid.to_string(),
                None => return Err(configuration(format!("the stored payload of `{external_id}` in {stream} has no number"))),
            },
            "releases" => external_id.strip_prefix(&format!("{project}:")).unwrap_or(external_id).to_owned(),
            _ => external_id.to_owned(),
        };
        match self.look(&["projects", project, stream, &address], requests).await? {
            Look::Found(item) => Ok(same(stream, external_id, &item)),
            Look::Refused => Ok(Presence::NotVisible),
            Look::Missing => match self.look(&["projects", project], requests).await? {
                Look::Found(project) if stored.confidential == Some(true) && access_level(&project) < REPORTER => Ok(Presence::NotVisible),
                Look::Found(_) => Ok(Presence::Deleted),
                Look::Missing | Look::Refused => Ok(Presence::NotVisible),
            },
        }
    }

    /// A group or project: a member of the group it was in would see it if it were there. Of one that settings name, nothing can be
    /// known.
    async fn scoped(&self, stream: &str, scope: Scope<'_>, id: &str, requests: &RequestCount) -> Result<Presence, ConnectorError> {
        match (self.look(&[stream, id], requests).await?, scope) {
            (Look::Found(_), _) => Ok(Presence::Present),
            (Look::Missing, Scope::Group(group)) if self.is_member(group, requests).await? => Ok(Presence::Deleted),
            _ => Ok(Presence::NotVisible),
        }
    }

    async fn is_member(&self, group: &str, requests: &RequestCount) -> Result<bool, ConnectorError> {
        let Look::Found(account) = self.look(&["user"], requests).await? else { return Ok(false) };
        let account: Item = parse_row(account.get()).unwrap_or_default();
        let Some(Id(account)) = account.id else { return Ok(false) };
        Ok(matches!(self.look(&["groups", group, "members", "all", &account], requests).await?, Look::Found(_)))
    }

    async fn member(
        &self,
        scope: Scope<'_>,
        partition: &str,
        external_id: &str,
        requests: &RequestCount,
    ) -> Result<Presence, ConnectorError> {
        let [kind, path] = scope.segments();
        let account = external_id.strip_prefix(&format!("{partition}:")).unwrap_or(external_id);
        match self.look(&[kind, path, "members", "all", account], requests).await? {
            Look::Found(_) => Ok(Presence::Present),
            Look::Missing if matches!(self.look(&[kind, path], requests).await?, Look::Found(_)) => Ok(Presence::Deleted),
            _ => Ok(Presence::NotVisible),
        }
    }

    async fn look(&self, segments: &[&str], requests: &RequestCount) -> Result<Look<Box<RawValue>>, ConnectorError> {
        look(self.client.object(&self.client.url(segments, &[]), requests).await)
    }
}

/// Whether what stands at an address is the item: numbers are the project's own, and a project can be replaced.
fn same(stream: &str, external_id: &str, item: &RawValue) -> Presence {
    let found: Item = parse_row(item.get()).unwrap_or_default();
    match found.id {
        Some(Id(id)) if stream != "releases" && id != external_id => Presence::Deleted,
        _ => Presence::Present,
    }
}

/// The higher of the account's own and its groups' access to a project; 0 where it has none or nothing is said.
fn access_level(project: &RawValue) -> i64 {
    let project: Value = serde_json::from_str(project.get()).unwrap_or(Value::Null);
    let level = |kind: &str| project.pointer(&format!("/permissions/{kind}/access_level")).and_then(Value::as_i64);
    level("project_access").max(level("group_access")).unwrap_or(0)
}

fn configuration(message: String) -> ConnectorError {
    ConnectorError::Configuration { field: "stream".into(), message }
}

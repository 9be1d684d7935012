//! GitLab's events, told apart by `object_kind`: system hooks name them so too.

use chrono::{DateTime, NaiveDateTime, Utc};
use ovia_domain::ItemRef;
use serde_json::Value;

use super::{Event, id};

/// The same when a delivery is repeated. The event's own id comes last: events that one event brings about share it.
const IDS: &[&str] = &["webhook-id", "idempotency-key", "x-gitlab-event-uuid"];

pub(super) fn read(header: &str, body: &Value) -> Event {
    let kind = body.get("object_kind").or_else(|| body.get("event_name")).and_then(Value::as_str).unwrap_or(header);
    let attributes = body.get("object_attributes").unwrap_or(&Value::Null);
    let project = id(body.pointer("/project/id")).or_else(|| id(body.get("project_id")));
    let item = match kind {
        "issue" | "work_item" => numbered("issues", project, attributes),
        "merge_request" => numbered("merge_requests", id(attributes.get("target_project_id")).or(project), attributes),
        "note" => noted(project, body),
        "pipeline" => identified("pipelines", project, attributes.get("id")),
        "deployment" => identified("deployments", project, body.get("deployment_id")),
        _ => None,
    };
    let at = ["updated_at", "finished_at", "created_at"].iter().find_map(|name| time(attributes.get(name)));
    let at = at.or_else(|| time(body.get("status_changed_at")));
    Event { kind: kind.to_owned(), item, at, ids: IDS }
}

/// What a note is on.
fn noted(project: Option<String>, body: &Value) -> Option<ItemRef> {
    let on = |name| body.get(name).filter(|item| item.is_object());
    if let Some(merge_request) = on("merge_request") {
        return numbered("merge_requests", id(merge_request.get("target_project_id")).or(project), merge_request);
    }
    numbered("issues", project, on("issue")?)
}

/// Addressed by its number in the project.
fn numbered(stream: &str, project: Option<String>, item: &Value) -> Option<ItemRef> {
    let number = item.get("iid").and_then(Value::as_i64).filter(|number| *number > 0)?;
    Some(ItemRef { stream: stream.into(), partition: Some(project?), external_id: id(item.get("id"))?, number: Some(number) })
}

fn identified(stream: &str, project: Option<String>, item: Option<&Value>) -> Option<ItemRef> {
    Some(ItemRef { stream: stream.into(), partition: Some(project?), external_id: id(item)?, number: None })
}

/// `2026-03-18T09:00:00Z`, `2026-03-18 09:00:00 UTC` or `2026-03-18 09:00:00 +0200`.
fn time(value: Option<&Value>) -> Option<DateTime<Utc>> {
    let text = value?.as_str()?;
    if let Ok(time) = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S %z")) {
        return Some(time.to_utc());
    }
    NaiveDateTime::parse_from_str(text.strip_suffix(" UTC")?, "%Y-%m-%d %H:%M:%S").ok().map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    fn item(body: Value) -> Option<(String, String, String, Option<i64>)> {
        let item = read("", &body).item?;
        Some((item.stream, item.partition.unwrap(), item.external_id, item.number))
    }

    fn expected(stream: &str, project: &str, id: &str, number: Option<i64>) -> Option<(String, String, String, Option<i64>)> {
        Some((stream.into(), project.into(), id.into(), number))
    }

    #[test]
    fn items_are_named_by_project_and_number() {
        let attributes = json!({"id": 301, "iid": 23, "target_project_id": 14, "updated_at": "2017-09-15 16:52:00 UTC"});
        let body = |kind: &str| json!({"object_kind": kind, "project": {"id": 9}, "object_attributes": attributes});
        assert_eq!(item(body("issue")), expected("issues", "9", "301", Some(23)));
        assert_eq!(item(body("work_item")), expected("issues", "9", "301", Some(23)));
        assert_eq!(item(body("merge_request")), expected("merge_requests", "14", "301", Some(23)));
        assert_eq!(item(body("pipeline")), expected("pipelines", "9", "301", None));
        assert_eq!(read("", &body("issue")).at, Some("2017-09-15T16:52:00Z".parse().unwrap()));
        let deployment = json!({"object_kind": "deployment", "deployment_id": 15, "project": {"id": 9},
            "status_changed_at": "2021-04-28 21:50:00 +0200"});
        assert_eq!(read("Deployment Hook", &deployment).at, Some("2021-04-28T19:50:00Z".parse().unwrap()));
        assert_eq!(item(deployment), expected("deployments", "9", "15", None));
    }

    #[test]
    fn a_note_names_what_it_is_on() {
        let on = |name: &str| {
            let mut body = json!({"object_kind": "note", "project_id": 5, "object_attributes": {"id": 1244, "noteable_id": 7}});
            body[name] = json!({"id": 7, "iid": 1});
            item(body)
        };
        assert_eq!(on("merge_request"), expected("merge_requests", "5", "7", Some(1)));
        assert_eq!(on("issue"), expected("issues", "5", "7", Some(1)));
        assert_eq!(on("commit"), None);
    }

    #[test]
    fn what_names_no_item_is_only_counted() {
        for body in [
            json!({"object_kind": "push", "project": {"id": 9}}),
            json!({"object_kind": "issue"}),
            json!({"object_kind": "issue", "object_attributes": {"id": 1, "iid": 1}}),
            json!({"object_kind": "issue", "project": {"id": "../x"}, "object_attributes": {"id": 1, "iid": 1}}),
            json!({"object_kind": "issue", "project": {"id": 9}, "object_attributes": {"id": 1, "iid": -1}}),
            json!({"object_kind": 7}),
            json!({}),
        ] {
            assert_eq!(item(body.clone()), None, "{body}");
        }
        assert_eq!(read("Push Hook", &json!({})).kind, "Push Hook");
    }
}

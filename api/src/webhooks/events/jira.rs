//! Jira's events, told apart by `webhookEvent`.

use chrono::DateTime;
use ovia_domain::ItemRef;
use serde_json::Value;

use super::{Event, id};

/// The same when a delivery is repeated.
const IDS: &[&str] = &["x-atlassian-webhook-identifier"];

/// Events of issues, comments, work logs and links name an issue; those of sprints, boards and versions are only counted.
pub(super) fn read(body: &Value) -> Event {
    let kind = body.get("webhookEvent").and_then(Value::as_str).unwrap_or_default();
    let issue = id(body.pointer("/issue/id"))
        .or_else(|| id(body.pointer("/worklog/issueId")))
        .or_else(|| id(body.pointer("/issueLink/sourceIssueId")));
    let item = issue.map(|external_id| ItemRef {
        stream: "issues".into(),
        partition: id(body.pointer("/issue/fields/project/id")),
        external_id,
        number: None,
    });
    let at = body.get("timestamp").and_then(Value::as_i64).and_then(DateTime::from_timestamp_millis);
    Event { kind: kind.to_owned(), item, at, ids: IDS }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    #[test]
    fn an_issue_is_named_by_its_id() {
        let body = json!({
            "timestamp": 1_773_824_400_123_i64, "webhookEvent": "jira:issue_updated",
            "issue": {"id": "10001", "key": "WEB-1", "fields": {"project": {"id": "10000", "key": "WEB"}}},
        });
        let event = read(&body);
        assert_eq!(event.kind, "jira:issue_updated");
        assert_eq!(event.at, Some("2026-03-18T09:00:00.123Z".parse().unwrap()));
        let item = event.item.unwrap();
        assert_eq!((item.stream.as_str(), item.partition.as_deref(), item.external_id.as_str()), ("issues", Some("10000"), "10001"));
    }

    #[test]
    fn work_logs_and_links_name_an_issue_and_the_rest_does_not() {
        let id = |body: Value| read(&body).item.map(|item| item.external_id);
        assert_eq!(id(json!({"webhookEvent": "worklog_created", "worklog": {"issueId": "10002"}})).as_deref(), Some("10002"));
        assert_eq!(id(json!({"webhookEvent": "issuelink_created", "issueLink": {"sourceIssueId": 10003}})).as_deref(), Some("10003"));
        for body in [json!({"webhookEvent": "sprint_closed", "sprint": {"id": 4}}), json!({}), json!({"issue": {"id": "WEB-1"}})] {
            assert_eq!(id(body.clone()), None, "{body}");
        }
    }
}

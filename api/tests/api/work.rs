//! What the tests of work items, releases, sprints and documents look at.

use serde_json::{Value, json};

use crate::common::TestApi;

/// The ids of what `seed` writes.
pub struct Work {
    pub jira: String,
    pub wiki: String,
    pub gitlab: String,
    /// A person with an account in Jira.
    pub mira: String,
}

/// Connections of three sources.
async fn connections(api: &TestApi) -> [String; 3] {
    let gitlab = api.connection("git").await;
    let mut ids = [gitlab, uuid::Uuid::now_v7().to_string(), uuid::Uuid::now_v7().to_string()];
    for (id, source) in ids.iter().skip(1).zip(["jira", "confluence"]) {
        api.db
            .sql(&format!(
                "insert into connections (id, org_id, source, name, base_url, settings, credentials_sealed, credentials_key_id)
                values ('{id}', '{}', '{source}', '{source}', 'https://{source}.example', '{{}}', '', 'k1')",
                api.org
            ))
            .await;
    }
    ids.reverse();
    ids
}

/// A project with an epic, a story and a bug below it, a subtask of the story, a task whose parent has not come yet; two releases, two
/// sprints; a merge request and pages that mention some of them.
pub async fn seed(api: &TestApi) -> Work {
    let [wiki, jira, gitlab] = connections(api).await;
    let (org, mira, account) = (api.org, uuid::Uuid::now_v7().to_string(), uuid::Uuid::now_v7().to_string());
    let jira_row = format!("'{org}', '{jira}'");
    api.db
        .sql(&format!(
            "insert into identities (id, org_id, connection_id, source, external_id, display_name) values ('{account}', {jira_row}, 'jira', 'u1', 'Mira');
            insert into people (id, org_id, display_name) values ('{mira}', '{org}', 'Mira Example');
            insert into person_identity_links (identity_id, org_id, person_id, status, confidence, rule, trace, rule_set_version)
                values ('{account}', '{org}', '{mira}', 'auto', 1, 'shared_account_id', '[]', 1);
            insert into projects (org_id, connection_id, external_id, name, full_path, archived, key, former_keys)
                values ({jira_row}, '7', 'Web', 'WEB', false, 'WEB', '{{OLD}}');
            insert into versions (org_id, connection_id, external_id, project_external_id, name, released, archived, start_on, release_on) values
                ({jira_row}, '71', '7', '1.0', true, false, '2030-01-01', '2030-02-01'),
                ({jira_row}, '72', '7', '1.1', false, false, null, null);
            insert into boards (org_id, connection_id, external_id, name, board_kind) values ({jira_row}, '6', 'Web board', 'scrum');
            insert into sprints (org_id, connection_id, external_id, board_external_id, name, state, starts_at) values
                ({jira_row}, '41', '6', 'Sprint 1', 'closed', '2030-01-01Z'), ({jira_row}, '42', '6', 'Sprint 2', 'active', '2030-01-15Z'),
                ({jira_row}, '43', '9', 'Sprint 3', 'future', null), ({jira_row}, '44', null, 'Sprint 4', 'future', null);
            insert into work_items (org_id, connection_id, external_id, key, project_external_id, title, kind, type_name, status, status_category,
                parent_external_id, assignee_external_id, labels, components, fix_version_external_ids, sprint_external_ids, story_points, due_on,
                created_at, updated_at)
                select {jira_row}, n::text, 'WEB-' || n, '7', 'Item ' || n, kind, initcap(kind), status, category, parent, assignee, '{{}}', '{{}}',
                    versions::text[], sprints::text[], points, due::date, timestamptz '2030-01-01Z' + least(n, 5) * interval '1 day',
                    timestamptz '2030-03-01Z' + n * interval '1 day'
                from (values
                    (1, 'epic', 'Doing', 'in_progress', null, 'u1', '{{}}', '{{}}', null, null),
                    (2, 'story', 'Fertig', 'done', '1', 'u1', '{{71,72,79}}', '{{41,42}}', 5, '2030-04-01'),
                    (3, 'bug', 'Done', 'done', '1', 'u2', '{{71}}', '{{42}}', null, null),
                    (4, 'subtask', 'To do', 'todo', '2', null, '{{71}}', '{{}}', 1.5, null),
                    (5, 'task', 'Odd', null, '99', null, '{{71}}', '{{}}', null, null),
                    (6, 'story', 'Doing', 'in_progress', null, null, '{{72}}', '{{}}', null, null)
                ) as v (n, kind, status, category, parent, assignee, versions, sprints, points, due);
            insert into work_items (org_id, connection_id, external_id, key, project_external_id, title, kind, type_name, status, labels, components,
                fix_version_external_ids, sprint_external_ids, created_at, deleted_at)
                values ({jira_row}, '9', 'WEB-9', '7', 'gone', 'task', 'Task', 'x', '{{}}', '{{}}', '{{71}}', '{{41}}', '2030-01-09Z', now());
            insert into release_memberships (org_id, connection_id, work_item_external_id, version_external_id, rule, candidates, expected, unambiguous) values
                ({jira_row}, '2', '71', 'earliest_fix_version', '{{71,72}}', true, true), ({jira_row}, '3', '71', 'fix_version', '{{71}}', true, true),
                ({jira_row}, '4', '71', 'fix_version', '{{71}}', false, true), ({jira_row}, '5', '71', 'label', '{{71}}', false, true),
                ({jira_row}, '6', '72', 'fix_version', '{{72}}', false, true), ({jira_row}, '9', '71', 'fix_version', '{{71}}', false, true);
            update work_items set needs_review = true where org_id = '{org}' and external_id = '5';
            insert into work_item_changes (org_id, connection_id, external_id, work_item_external_id, author_external_id, created_at, field,
                from_value, from_text, to_value, to_text) values
                ({jira_row}, '2:1:0', '2', 'u1', '2030-01-04Z', 'Key', null, 'OPS-20', null, 'WEB-2'),
                ({jira_row}, '2:2:0', '2', 'u1', '2030-01-05Z', 'Fix Version', null, null, '71', '1.0'),
                ({jira_row}, '2:2:1', '2', 'u1', '2030-01-05Z', 'status', '1', 'Doing', '3', 'Fertig'),
                ({jira_row}, '3:1:0', '3', 'u1', '2030-01-06Z', 'status', '1', 'Doing', '3', 'Done');
            insert into work_item_links (org_id, connection_id, external_id, from_external_id, to_external_id, link_type) values
                ({jira_row}, '1', '2', '3', 'blocks'), ({jira_row}, '2', '77', '2', 'relates to');
            insert into worklogs (org_id, connection_id, external_id, work_item_external_id, author_external_id, started_at, seconds) values
                ({jira_row}, '51', '2', 'u1', '2030-01-04Z', 3600), ({jira_row}, '52', '2', 'u9', '2030-01-05Z', 1800),
                ({jira_row}, '53', '3', 'u1', '2030-01-05Z', 7);
            insert into worklogs (org_id, connection_id, external_id, work_item_external_id, started_at, seconds, deleted_at)
                values ({jira_row}, '54', '2', '2030-01-05Z', 9000, now());"
        ))
        .await;
    seed_mentions(api, &wiki, &gitlab).await;
    Work { jira, wiki, gitlab, mira }
}

async fn seed_mentions(api: &TestApi, wiki: &str, gitlab: &str) {
    let (wiki_row, git_row) = (format!("'{}', '{wiki}'", api.org), format!("'{}', '{gitlab}'", api.org));
    api.db
        .sql(&format!(
            "insert into merge_requests (org_id, connection_id, external_id, project_external_id, number, title, state, draft, assignee_external_ids,
                reviewer_external_ids, labels, is_fork, created_at, url) values
                ({git_row}, '90', '10', 4, 'WEB-2: faster', 'merged', false, '{{}}', '{{}}', '{{}}', false, '2030-01-02Z', 'https://git.example/4'),
                ({git_row}, '91', '10', 5, 'Nothing', 'opened', false, '{{}}', '{{}}', '{{}}', false, '2030-01-03Z', null);
            insert into merge_requests (org_id, connection_id, external_id, project_external_id, number, title, state, draft, assignee_external_ids,
                reviewer_external_ids, labels, is_fork, created_at, deleted_at)
                values ({git_row}, '92', '10', 6, 'WEB-2 gone', 'opened', false, '{{}}', '{{}}', '{{}}', false, '2030-01-04Z', now());
            insert into merge_request_commits (org_id, connection_id, external_id, merge_request_external_id, sha, title, author_name)
                values ({git_row}, '90:abc', '90', 'abc', 'For OPS-20', 'Mira');
            insert into spaces (org_id, connection_id, external_id, key, name) values ({wiki_row}, '8', 'DOCS', 'Docs');
            insert into documents (org_id, connection_id, external_id, space_external_id, document_kind, title, status, parent_external_id,
                author_external_id, version_number, created_at, updated_at, body_is_cut, labels) values
                ({wiki_row}, '20', '8', 'page', 'Plan for OLD-2', 'current', null, 'u1', 3, '2030-01-05Z', '2030-02-05Z', false, '{{plan}}'),
                ({wiki_row}, '21', '8', 'blog_post', 'News', 'current', '20', 'u1', 1, null, null, false, null),
                ({wiki_row}, '22', '9', 'page', 'Trash about WEB-2', 'trashed', '77', null, 1, '2030-01-07Z', null, false, '{{}}');
            insert into references_found (org_id, connection_id, external_id, from_table, from_external_id, place, keys) values
                ({git_row}, 'merge_requests:90:title', 'merge_requests', '90', 'title', '{{WEB-2}}'),
                ({git_row}, 'merge_requests:90:branch', 'merge_requests', '90', 'branch', '{{}}'),
                ({git_row}, 'merge_requests:90:description', 'merge_requests', '90', 'description', '{{UTF-8,WEB-2}}'),
                ({git_row}, 'merge_requests:90:commit:abc', 'merge_requests', '90', 'commit', '{{OPS-20}}'),
                ({git_row}, 'merge_requests:92:title', 'merge_requests', '92', 'title', '{{WEB-2}}'),
                ({wiki_row}, 'documents:20:title', 'documents', '20', 'title', '{{OLD-2}}'),
                ({wiki_row}, 'documents:22:title', 'documents', '22', 'title', '{{WEB-2}}');"
        ))
        .await;
}

pub fn column(items: &[Value], name: &str) -> Vec<Value> {
    items.iter().map(|item| item.pointer(name).cloned().unwrap_or(Value::Null)).collect()
}

/// Of the list at `path`, the keys or whatever is at `name`.
pub async fn listed(api: &TestApi, path: &str, name: &str) -> Vec<Value> {
    column(&api.get(path).await.items(), name)
}

#[tokio::test]
async fn one_organisation_sees_nothing_of_another() {
    let api = TestApi::start().await;
    let work = seed(&api).await;
    let release = api.get("/releases").await.items()[0]["id"].clone();
    for path in ["/work-items", "/releases", "/sprints", "/documents"] {
        assert!(!api.get(path).await.items().is_empty(), "{path}");
        let seen = api.as_other(crate::common::Method::GET, path, None).await;
        assert!(seen.items().is_empty(), "{path}");
    }
    for path in [
        format!("/work-items?release={release}"),
        format!("/work-items?assignee_person={}", work.mira),
        "/work-items?epic=WEB-1".into(),
        "/work-items?project=WEB".into(),
        "/documents?mentions=WEB-2".into(),
        "/documents?space=DOCS".into(),
    ] {
        assert!(!api.get(&path).await.items().is_empty(), "{path}");
        assert!(api.as_other(crate::common::Method::GET, &path, None).await.items().is_empty(), "{path}");
    }
    for path in [
        "/work-items/WEB-2".to_owned(),
        "/work-items/OPS-20".into(),
        "/work-items/WEB-2/changelog".into(),
        "/work-items/WEB-2/worklogs".into(),
        "/work-items/WEB-2/mentions".into(),
        format!("/releases/{release}"),
        format!("/releases/{release}/items"),
    ] {
        assert_eq!(api.get(&path).await.status, 200, "{path}");
        api.as_other(crate::common::Method::GET, &path, None).await.problem(404, "NOT_FOUND");
    }
    // an item of the same key: neither sees what mentions the other's
    let other = uuid::Uuid::now_v7();
    api.db
        .sql(&format!(
            "insert into connections (id, org_id, source, name, base_url, settings, credentials_sealed, credentials_key_id) values ('{other}', '{org}', 'jira', 'j', 'https://j.example', '{{}}', '', 'k1');
            insert into work_items (org_id, connection_id, external_id, key, project_external_id, title, kind, type_name, status, labels, components,
                fix_version_external_ids, sprint_external_ids, created_at)
                values ('{org}', '{other}', '2', 'WEB-2', '7', 'theirs', 'task', 'Task', 'x', '{{}}', '{{}}', '{{71}}', '{{}}', '2030-01-09Z')",
            org = api.other_org
        ))
        .await;
    let theirs = api.as_other(crate::common::Method::GET, "/work-items/WEB-2", None).await.json();
    assert_eq!((&theirs["title"], &theirs["mentions"]["items"]), (&json!("theirs"), &json!([])), "{theirs}");
    assert_eq!((&theirs["changelog"]["items"], &theirs["fix_versions"][0]["id"]), (&json!([]), &Value::Null), "{theirs}");
    assert_eq!(api.get("/work-items/WEB-2").await.json()["title"], "Item 2");
}

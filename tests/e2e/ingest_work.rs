//! Work items and documents in a page commit: stored, and never replaced by an older payload.

use chrono::Duration;
use ovia_domain::{
    Board, Document, DocumentComment, DocumentKind, DocumentLabels, DocumentVersion, Entity, References, Space, Sprint, StatusCategory,
    Version, WorkItem, WorkItemChange, WorkItemField, WorkItemKind, WorkItemLink, WorkItemStatus, Worklog,
};
use ovia_tests::state;
use serde_json::json;

use crate::ingest::{Ingest, at, record};

pub fn work_item(title: &str, minutes: i64) -> WorkItem {
    WorkItem {
        external_id: "1".into(),
        key: "WEB-1".into(),
        project_external_id: "7".into(),
        title: title.into(),
        kind: WorkItemKind::Story,
        type_name: "Story".into(),
        type_external_id: None,
        status: "Doing".into(),
        status_external_id: None,
        status_category: Some(StatusCategory::InProgress),
        priority: None,
        resolution: None,
        parent_external_id: None,
        author_external_id: None,
        reporter_external_id: None,
        assignee_external_id: None,
        labels: vec!["a".into()],
        components: vec![],
        fix_version_external_ids: vec![],
        sprint_external_ids: vec!["4".into()],
        story_points: Some(2.5),
        due_on: None,
        created_at: at(),
        updated_at: Some(at() + Duration::minutes(minutes)),
        resolved_at: None,
        url: None,
    }
}

fn document(title: &str, version_number: i64) -> Document {
    Document {
        external_id: "2".into(),
        space_external_id: Some("8".into()),
        document_kind: DocumentKind::BlogPost,
        title: title.into(),
        status: "current".into(),
        parent_external_id: None,
        author_external_id: None,
        owner_external_id: None,
        editor_external_id: None,
        version_number,
        created_at: Some(at()),
        updated_at: None,
        body_text: Some("text".into()),
        body_is_cut: false,
        url: None,
    }
}

#[tokio::test]
async fn an_older_payload_never_replaces_a_newer_row() {
    let ingest = Ingest::start().await;
    let store = &ingest.app.store;
    let titles = || async {
        let (items, documents) = (state::rows(store, "work_items").await, state::rows(store, "documents").await);
        (items["1"]["title"].clone(), documents["2"]["title"].clone())
    };
    let commit = async |title: &str, step: i64| {
        let entities = vec![Entity::WorkItem(work_item(title, step)), Entity::Document(document(title, step))];
        store.page_commit(&ingest.page(&[record("x", json!({"title": title}), entities)])).await.unwrap();
    };
    commit("first", 2).await;
    commit("older", 1).await;
    assert_eq!(titles().await, (json!("first"), json!("first")));
    commit("as old, but read later", 2).await;
    commit("newer", 3).await;
    assert_eq!(titles().await, (json!("newer"), json!("newer")));
    // what was deleted and is listed again is as it is listed
    for table in ["work_items", "documents"] {
        ingest.app.database.sql(&format!("update {table} set deleted_at = now()")).await;
    }
    commit("back", 1).await;
    assert_eq!(titles().await, (json!("back"), json!("back")));
    // no time at all: nothing says that it is older
    let entities = vec![Entity::WorkItem(WorkItem { updated_at: None, ..work_item("timeless", 0) })];
    store.page_commit(&ingest.page(&[record("x", json!({"title": "timeless"}), entities)])).await.unwrap();
    assert_eq!(titles().await.0, json!("timeless"));
}

#[tokio::test]
async fn a_place_without_keys_has_a_row_only_where_it_had_some() {
    let ingest = Ingest::start().await;
    let commit = async |place: &str, keys: &[&str]| {
        let found = References {
            external_id: format!("merge_requests:2:{place}"),
            from_table: "merge_requests".into(),
            from_external_id: "2".into(),
            place: place.into(),
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
        };
        let raw = json!({"place": place, "keys": keys});
        ingest.app.store.page_commit(&ingest.page(&[record("2", raw, vec![Entity::References(found)])])).await.unwrap();
        state::rows(&ingest.app.store, "references_found").await
    };
    assert!(commit("title", &[]).await.is_empty());
    let mentioned = commit("title", &["WEB-1", "WEB-2"]).await;
    assert_eq!(mentioned["merge_requests:2:title"]["keys"], json!(["WEB-1", "WEB-2"]));
    assert_eq!(commit("branch", &[]).await.len(), 1);
    let taken_back = commit("title", &[]).await;
    assert_eq!(taken_back["merge_requests:2:title"]["keys"], json!([]));
    assert_eq!(commit("title", &["WEB-3"]).await["merge_requests:2:title"]["keys"], json!(["WEB-3"]));
}

/// One of each: every statement fits its table.
#[tokio::test]
async fn every_kind_of_work_and_document_is_stored() {
    let ingest = Ingest::start().await;
    let (time, s) = (Some(at()), |text: &str| Some(text.to_owned()));
    let entities = vec![
        Entity::WorkItem(work_item("t", 0)),
        Entity::WorkItemChange(WorkItemChange {
            external_id: "1:5:0".into(),
            work_item_external_id: "1".into(),
            author_external_id: None,
            created_at: at(),
            field: "status".into(),
            field_external_id: None,
            from_value: s("1"),
            from_text: s("To do"),
            to_value: None,
            to_text: None,
        }),
        Entity::WorkItemLink(WorkItemLink {
            external_id: "3".into(),
            from_external_id: "1".into(),
            to_external_id: "9".into(),
            link_type: "blocks".into(),
        }),
        Entity::Worklog(Worklog {
            external_id: "4".into(),
            work_item_external_id: "1".into(),
            author_external_id: None,
            started_at: at(),
            seconds: 60,
            created_at: time,
            updated_at: None,
        }),
        Entity::Version(Version {
            external_id: "5".into(),
            project_external_id: "7".into(),
            name: "1.0".into(),
            description: None,
            released: true,
            archived: false,
            start_on: None,
            release_on: chrono::NaiveDate::from_ymd_opt(2030, 1, 2),
            url: None,
        }),
        Entity::Board(Board {
            external_id: "6".into(),
            name: "b".into(),
            board_kind: "scrum".into(),
            project_external_id: s("7"),
            url: None,
        }),
        Entity::Sprint(Sprint {
            external_id: "4".into(),
            board_external_id: s("6"),
            name: "s".into(),
            state: "active".into(),
            goal: None,
            starts_at: time,
            ends_at: time,
            completed_at: None,
        }),
        Entity::WorkItemStatus(WorkItemStatus { external_id: "3".into(), name: "Done".into(), category: Some(StatusCategory::Done) }),
        Entity::WorkItemField(WorkItemField {
            external_id: "summary".into(),
            name: "Summary".into(),
            custom: false,
            schema_type: s("string"),
            schema_custom: None,
        }),
        Entity::Space(Space {
            external_id: "8".into(),
            key: "DOCS".into(),
            name: "Docs".into(),
            space_kind: s("global"),
            status: None,
            author_external_id: None,
            created_at: time,
            url: None,
        }),
        Entity::DocumentLabels(DocumentLabels { external_id: "2".into(), labels: vec!["x".into(), "y".into()] }),
        Entity::Document(document("t", 1)),
        Entity::DocumentVersion(DocumentVersion {
            external_id: "2:1".into(),
            document_external_id: "2".into(),
            number: 1,
            author_external_id: None,
            created_at: time,
            minor: true,
            message: None,
        }),
        Entity::DocumentComment(DocumentComment {
            external_id: "11".into(),
            document_external_id: "2".into(),
            author_external_id: None,
            comment_kind: "footer".into(),
            parent_external_id: None,
            created_at: time,
            updated_at: None,
            url: None,
        }),
        Entity::References(References {
            external_id: "documents:2:title".into(),
            from_table: "documents".into(),
            from_external_id: "2".into(),
            place: "title".into(),
            keys: vec!["WEB-1".into()],
        }),
    ];
    let counts = ingest.app.store.page_commit(&ingest.page(&[record("all", json!({}), entities)])).await.unwrap();
    assert_eq!((counts.inserted, counts.dead_lettered), (1, 0), "{counts:?}");
    let shared = ["identities", "memberships", "groups", "projects"];
    for table in state::JIRA_TABLES.iter().chain(&state::CONFLUENCE_TABLES).filter(|table| !shared.contains(table)) {
        assert_eq!(ingest.count(table).await, 1, "{table}");
    }
    let document = &state::rows(&ingest.app.store, "documents").await["2"];
    assert_eq!((&document["labels"], &document["document_kind"]), (&json!(["x", "y"]), &json!("blog_post")));
    let item = &state::rows(&ingest.app.store, "work_items").await["1"];
    assert_eq!((&item["story_points"], &item["status_category"]), (&json!(2.5), &json!("in_progress")));
}

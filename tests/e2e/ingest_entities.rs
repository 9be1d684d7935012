//! Every kind of entity in a page commit: stored, and not forgotten when less is known later.

use chrono::{DateTime, Utc};
use ovia_domain::{
    Deployment, Entity, Environment, Group, Identity, IdentityRef, Issue, Job, Membership, MergeRequestApproval, MergeRequestCommit,
    MergeRequestNote, MergeRequestSize, NoteEvent, Pipeline, PipelineTimes, Project, Release,
};
use ovia_tests::state;
use serde_json::json;

use crate::ingest::{Ingest, at, merge_request, record};

#[tokio::test]
async fn known_facts_about_an_account_are_not_forgotten_and_first_approvals_are_kept() {
    let ingest = Ingest::start().await;
    let store = &ingest.app.store;
    let identity = |email: Option<&str>, name: Option<&str>| {
        Entity::Identity(Identity {
            external_id: "5".into(),
            email: email.map(Into::into),
            display_name: name.map(Into::into),
            ..Identity::default()
        })
    };
    let approval = |at: Option<DateTime<Utc>>| {
        Entity::MergeRequestApproval(MergeRequestApproval {
            external_id: "1:5".into(),
            merge_request_external_id: "1".into(),
            identity_external_id: "5".into(),
            approved_at: at,
        })
    };
    let later = at() + chrono::Duration::days(1);
    for (n, (entity, other)) in
        [(identity(Some("a@b.example"), None), approval(Some(at()))), (identity(None, Some("Ada")), approval(Some(later)))]
            .into_iter()
            .enumerate()
    {
        store.page_commit(&ingest.page(&[record("x", json!({"n": n}), vec![entity, other])])).await.unwrap();
    }
    let identity = &state::rows(store, "identities").await["5"];
    assert_eq!((&identity["email"], &identity["display_name"]), (&json!("a@b.example"), &json!("Ada")));
    let approved = state::rows(store, "merge_request_approvals").await["1:5"]["approved_at"].clone();
    assert!(crate::truth::same(&approved, &json!(at().to_rfc3339())), "{approved}");
}

/// One of each: every statement fits its table.
#[tokio::test]
async fn every_kind_of_entity_is_stored() {
    let ingest = Ingest::start().await;
    let time = Some(at());
    let s = |text: &str| Some(text.to_owned());
    let entities = vec![
        Entity::Identity(Identity { external_id: "5".into(), is_bot: Some(true), source_created_at: time, ..Identity::default() }),
        Entity::IdentityRef(IdentityRef { external_id: "6".into(), username: s("u"), ..IdentityRef::default() }),
        Entity::Membership(Membership {
            external_id: "g:5".into(),
            scope: "g".into(),
            identity_external_id: "5".into(),
            access_level: Some(30),
            state: None,
            expires_at: chrono::NaiveDate::from_ymd_opt(2030, 1, 2),
        }),
        Entity::Group(Group { external_id: "2".into(), name: "g".into(), full_path: "g".into(), parent_external_id: None, url: None }),
        Entity::Project(Project {
            external_id: "1".into(),
            name: "p".into(),
            full_path: "g/p".into(),
            default_branch: s("main"),
            archived: false,
            visibility: None,
            forked_from_external_id: None,
            namespace_external_id: s("2"),
            key: None,
            former_keys: vec![],
            url: None,
            created_at: time,
            last_activity_at: time,
        }),
        Entity::Issue(Issue {
            external_id: "3".into(),
            project_external_id: "1".into(),
            number: 1,
            title: "t".into(),
            state: "opened".into(),
            issue_type: s("issue"),
            author_external_id: s("5"),
            assignee_external_ids: vec![],
            labels: vec![],
            milestone: None,
            confidential: true,
            weight: Some(3),
            due_on: chrono::NaiveDate::from_ymd_opt(2030, 1, 2),
            created_at: at(),
            updated_at: time,
            closed_at: None,
            url: None,
        }),
        Entity::MergeRequest(merge_request("4", "t")),
        Entity::MergeRequestSize(MergeRequestSize {
            external_id: "4".into(),
            additions: 10,
            deletions: 2,
            changed_files: 1,
            size_is_partial: true,
        }),
        Entity::MergeRequestNote(MergeRequestNote {
            external_id: "7".into(),
            merge_request_external_id: "4".into(),
            author_external_id: s("5"),
            system: true,
            event: Some(NoteEvent::MarkedReady),
            created_at: at(),
            updated_at: time,
        }),
        Entity::MergeRequestApproval(MergeRequestApproval {
            external_id: "4:5".into(),
            merge_request_external_id: "4".into(),
            identity_external_id: "5".into(),
            approved_at: None,
        }),
        Entity::MergeRequestCommit(MergeRequestCommit {
            external_id: "4:abc".into(),
            merge_request_external_id: "4".into(),
            sha: "abc".into(),
            title: None,
            author_name: None,
            author_email: None,
            authored_at: time,
            committed_at: time,
        }),
        Entity::Pipeline(Pipeline {
            external_id: "8".into(),
            project_external_id: "1".into(),
            number: None,
            status: "success".into(),
            trigger: s("push"),
            git_ref: None,
            sha: None,
            created_at: time,
            updated_at: time,
            url: None,
        }),
        Entity::PipelineTimes(PipelineTimes {
            external_id: "8".into(),
            identity_external_id: None,
            started_at: time,
            finished_at: time,
            duration_seconds: Some(1.5),
            queued_seconds: None,
            coverage: Some(68.49),
        }),
        Entity::Job(Job {
            external_id: "9".into(),
            project_external_id: "1".into(),
            pipeline_external_id: s("8"),
            name: "test".into(),
            stage: None,
            status: "failed".into(),
            job_kind: "job".into(),
            git_ref: None,
            identity_external_id: None,
            allow_failure: false,
            created_at: time,
            started_at: None,
            finished_at: time,
            duration_seconds: None,
            queued_seconds: None,
            url: None,
        }),
        Entity::Environment(Environment {
            external_id: "10".into(),
            project_external_id: "1".into(),
            name: "production".into(),
            tier: s("production"),
            state: None,
            external_url: None,
            created_at: time,
            updated_at: time,
        }),
        Entity::Deployment(Deployment {
            external_id: "11".into(),
            project_external_id: "1".into(),
            number: Some(1),
            status: "success".into(),
            environment_external_id: s("10"),
            environment_name: s("production"),
            environment_tier: s("production"),
            git_ref: None,
            sha: None,
            identity_external_id: None,
            created_at: at(),
            updated_at: time,
            finished_at: time,
            url: None,
        }),
        Entity::Release(Release {
            external_id: "1:v1".into(),
            project_external_id: "1".into(),
            tag: "v1".into(),
            name: None,
            upcoming: false,
            author_external_id: None,
            sha: None,
            created_at: time,
            released_at: time,
            url: None,
        }),
    ];
    let counts = ingest.app.store.page_commit(&ingest.page(&[record("all", json!({}), entities)])).await.unwrap();
    assert_eq!((counts.inserted, counts.dead_lettered), (1, 0), "{counts:?}");
    for table in state::TABLES {
        assert!(ingest.count(table).await >= 1, "{table} is empty");
    }
    let rows = state::rows(&ingest.app.store, "merge_requests").await;
    assert_eq!((&rows["4"]["additions"], &rows["4"]["title"]), (&json!(10), &json!("t")));
    let pipeline = &state::rows(&ingest.app.store, "pipelines").await["8"];
    assert_eq!((&pipeline["duration_seconds"], &pipeline["status"]), (&json!(1.5), &json!("success")));
}

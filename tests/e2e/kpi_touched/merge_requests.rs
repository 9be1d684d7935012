//! Merge requests, and what is said of them.

use super::{Change, SOMEBODY, company::Company, copy, gone_and_back, merged, nth, of, set};

const TABLE: &str = "merge_requests";

/// A time from that of the nth merged merge request on: `of_merged(3, "created_at + interval '1 minute'")`.
fn of_merged(at: u32, expression: &str) -> String {
    of(TABLE, expression, &merged(at))
}

/// A note to the nth merged merge request.
fn noted(at: u32, when: &str, instead: &[(&str, &str)]) -> String {
    let (external_id, created_at) = (of_merged(at, "external_id"), of_merged(at, when));
    let columns = [("merge_request_external_id", external_id.as_str()), ("created_at", created_at.as_str())];
    copy("merge_request_notes", &nth("merge_request_notes", 50, "true"), &[instead, columns.as_slice()].concat())
}

/// It came long before every other, and was merged two days later.
fn oldest() -> [Change; 2] {
    let first = "(select min(created_at) from merge_requests)";
    let (created, merged_at) = (format!("{first} - interval '40 days'"), format!("{first} - interval '38 days'"));
    let columns = [("number", "900001"), ("created_at", &created), ("merged_at", &merged_at), ("updated_at", &merged_at)];
    [
        ("a merge request older than all", copy(TABLE, &merged(5), &columns)),
        ("the oldest merge request is gone", set(TABLE, "select id from merge_requests where number = 900001", "deleted_at = now()")),
    ]
}

fn merge_requests() -> Vec<Change> {
    let another_project = "project_external_id = (select external_id from projects p
        where p.connection_id = t.connection_id and p.external_id <> t.project_external_id order by id limit 1)";
    let another_commit = "merge_commit_sha = (select d.sha from deployments d
        where d.connection_id = t.connection_id and d.project_external_id = t.project_external_id order by created_at desc limit 1)";
    let change = |what, at, columns: &str| (what, set(TABLE, &merged(at), columns));
    let mut changes = Vec::from(oldest());
    changes.extend([
        ("a merge request that came late", copy(TABLE, &merged(6), &[("number", "900002")])),
        change("merged two weeks later", 7, "merged_at = merged_at + interval '14 days', updated_at = updated_at + interval '14 days'"),
        change("opened again", 8, "merged_at = null, closed_at = null, state = 'opened'"),
        change("closed instead", 9, "closed_at = merged_at, merged_at = null, state = 'closed'"),
        change("by somebody else", 10, &format!("author_external_id = {SOMEBODY}")),
        change("by nobody", 11, "author_external_id = null"),
        change("larger", 12, "additions = 100000"),
        ("a draft", set(TABLE, &nth(TABLE, 0, "state = 'opened' and not draft"), "draft = true")),
        change("moved to another project", 13, another_project),
        change("merged with another commit", 14, another_commit),
    ]);
    changes.extend(gone_and_back(["a merge request is gone", "a merge request is back"], TABLE, &merged(20)));
    changes
}

fn reviews() -> Vec<Change> {
    let (notes, approvals, commits) = ("merge_request_notes", "merge_request_approvals", "merge_request_commits");
    let early = "approved_at = (select created_at + interval '1 minute' from merge_requests m
        where m.connection_id = t.connection_id and m.external_id = t.merge_request_external_id)";
    let (late_of, late) = (of_merged(33, "external_id"), of_merged(33, "merged_at + interval '20 days'"));
    let long_after = [("merge_request_external_id", late_of.as_str()), ("approved_at", late.as_str())];
    let older = "authored_at = authored_at - interval '30 days', committed_at = committed_at - interval '30 days'";
    let mut changes = vec![
        ("a first note", noted(30, "created_at + interval '5 minutes'", &[("system", "false")])),
        ("a note before its merge request", noted(31, "created_at - interval '5 days'", &[("system", "false")])),
        ("a note by somebody else", set(notes, &nth(notes, 40, "true"), &format!("author_external_id = {SOMEBODY}"))),
        ("marked as a draft", noted(32, "created_at + interval '1 minute'", &[("system", "true"), ("event", "'marked_draft'")])),
    ];
    changes.extend(gone_and_back(["a note is gone", "a note is back"], notes, &nth(notes, 33, "not system")));
    changes.extend([
        ("approved early", set(approvals, &nth(approvals, 3, "true"), early)),
        ("approved long after the merge", copy(approvals, &nth(approvals, 4, "true"), &long_after)),
    ]);
    changes.extend(gone_and_back(["an approval is gone", "an approval is back"], approvals, &nth(approvals, 5, "approved_at is not null")));
    changes.push(("a commit older than all", set(commits, &nth(commits, 30, "true"), older)));
    changes.extend(gone_and_back(["a commit is gone", "a commit is back"], commits, &nth(commits, 31, "true")));
    changes
}

#[tokio::test]
async fn increments_after_changes_of_merge_requests_and_reviews() {
    let company = Company::start().await;
    company.assert_increments(&[merge_requests(), reviews()].concat()).await;
}

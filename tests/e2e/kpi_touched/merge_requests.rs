//! Merge requests, and what is said of them.

use super::{BY_HUMAN, Change, IS_DELIVERY, SOMEBODY, copy, delivered, gone_and_back, merged, nth, of, set};

const TABLE: &str = "merge_requests";

/// What (an expression) is so of the merge request that `pick` finds.
fn of_merge_request(pick: &str, expression: &str) -> String {
    of(TABLE, expression, pick)
}

/// The nth merged merge request by a human that nobody else said anything of.
fn unreviewed(at: u32) -> String {
    let condition = "merged_at is not null
        and not exists (select from merge_request_notes n where n.connection_id = t.connection_id and not n.system
            and n.merge_request_external_id = t.external_id and n.author_external_id <> t.author_external_id)
        and not exists (select from merge_request_approvals a where a.connection_id = t.connection_id
            and a.merge_request_external_id = t.external_id)";
    nth(TABLE, at, &format!("{condition} and {}", BY_HUMAN.replace("m.", "t.")))
}

/// Of a note or approval (`t`): there is a merge request (`m`) by another human.
fn of_another(condition: &str) -> String {
    format!(
        "exists (select from merge_requests m where m.connection_id = t.connection_id and m.external_id = t.merge_request_external_id
            and m.deleted_at is null and {BY_HUMAN} and {condition})"
    )
}

/// A human's account that is not the author's of the merge request that `pick` finds.
fn reviewer(pick: &str) -> String {
    format!(
        "(select i.external_id from identities i join merge_requests m on m.connection_id = i.connection_id
          where m.id = ({pick}) and i.is_bot is not true and i.external_id <> m.author_external_id order by i.id desc limit 1)"
    )
}

/// The nth note that is the first review of its merge request.
fn first_review(at: u32) -> String {
    let by_another = "m.author_external_id <> t.author_external_id and t.created_at > m.created_at";
    let earlier = "select from merge_request_notes n where n.connection_id = t.connection_id and n.deleted_at is null
        and n.merge_request_external_id = t.merge_request_external_id and not n.system and n.id <> t.id and n.created_at <= t.created_at";
    let approved = "select from merge_request_approvals a where a.connection_id = t.connection_id
        and a.merge_request_external_id = t.merge_request_external_id and a.approved_at <= t.created_at";
    let human = "exists (select from identities i where i.connection_id = t.connection_id and i.external_id = t.author_external_id
        and i.is_bot is not true)";
    let another = of_another(by_another);
    nth("merge_request_notes", at, &format!("not system and {human} and {another} and not exists ({earlier}) and not exists ({approved})"))
}

/// The nth first commit of a merge request that was delivered after its merge.
fn first_commit(at: u32) -> String {
    let delivered = format!(
        "m.merged_at is not null and exists (select from deployments d where d.connection_id = m.connection_id
            and d.project_external_id = m.project_external_id and d.finished_at > m.merged_at and {IS_DELIVERY})"
    );
    let earlier = "select from merge_request_commits c where c.connection_id = t.connection_id and c.deleted_at is null
        and c.merge_request_external_id = t.merge_request_external_id and (c.authored_at, c.id) < (t.authored_at, t.id)";
    nth("merge_request_commits", at, &format!("{} and not exists ({earlier})", of_another(&delivered)))
}

/// A note to the merge request that `pick` finds.
fn noted(pick: &str, when: &str, instead: &[(&str, &str)]) -> String {
    let of = |expression| of_merge_request(pick, expression);
    let (external_id, created_at, author) = (of("external_id"), of(when), reviewer(pick));
    let columns = [("merge_request_external_id", external_id.as_str()), ("created_at", &created_at), ("author_external_id", &author)];
    copy("merge_request_notes", &nth("merge_request_notes", 0, "true"), &[instead, columns.as_slice()].concat())
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
    let another_commit = format!(
        "merge_commit_sha = (select d.sha from deployments d where d.connection_id = t.connection_id
            and d.project_external_id = t.project_external_id and d.sha is not null and {IS_DELIVERY} order by created_at desc limit 1)"
    );
    let of_deliveries = format!("merged_at < '2026-02-10' and project_external_id = {}", delivered("p.external_id"));
    let of_deliveries = nth(TABLE, 2, &format!("{of_deliveries} and {}", BY_HUMAN.replace("m.", "t.")));
    let change = |what, at, columns: &str| (what, set(TABLE, &merged(at), columns));
    let mut changes = Vec::from(oldest());
    changes.extend([
        ("a merge request that came late", copy(TABLE, &merged(6), &[("number", "900002")])),
        change("merged two days later", 17, "merged_at = merged_at + interval '2 days', updated_at = updated_at + interval '2 days'"),
        change("opened again", 8, "merged_at = null, closed_at = null, state = 'opened'"),
        change("closed instead", 9, "closed_at = merged_at, merged_at = null, state = 'closed'"),
        change("by somebody else", 10, &format!("author_external_id = {SOMEBODY}")),
        change("by nobody", 11, "author_external_id = null"),
        change("larger", 12, "additions = 100000"),
        ("a draft", set(TABLE, &nth(TABLE, 0, "state = 'opened' and not draft"), "draft = true")),
        change("moved to another project", 13, another_project),
        ("merged with another commit", set(TABLE, &of_deliveries, &another_commit)),
    ]);
    changes.extend(gone_and_back(["a merge request is gone", "a merge request is back"], TABLE, &merged(20)));
    changes
}

fn reviews() -> Vec<Change> {
    let (notes, approvals, commits) = ("merge_request_notes", "merge_request_approvals", "merge_request_commits");
    let authors = "author_external_id = (select author_external_id from merge_requests m
        where m.connection_id = t.connection_id and m.external_id = t.merge_request_external_id)";
    let early = "approved_at = (select created_at + interval '1 minute' from merge_requests m
        where m.connection_id = t.connection_id and m.external_id = t.merge_request_external_id)";
    let by_another = of_another("m.author_external_id <> t.identity_external_id");
    let (late_of, late) =
        (of_merge_request(&unreviewed(0), "external_id"), of_merge_request(&unreviewed(0), "merged_at + interval '2 days'"));
    let (approver, late_id) = (reviewer(&unreviewed(0)), "select max(id) from merge_request_approvals");
    let again = "approved_at = (select merged_at + interval '1 day' from merge_requests m
        where m.connection_id = t.connection_id and m.external_id = t.merge_request_external_id)";
    let long_after = [("merge_request_external_id", late_of.as_str()), ("approved_at", &late), ("identity_external_id", &approver)];
    let older = "authored_at = authored_at - interval '30 days', committed_at = committed_at - interval '30 days'";
    let draft = [("system", "true"), ("event", "'marked_draft'")];
    let ready = [("system", "true"), ("event", "'marked_ready'")];
    let mut changes = vec![
        ("a first note", noted(&unreviewed(1), "created_at + interval '5 minutes'", &[("system", "false")])),
        ("a note before its merge request", noted(&merged(13), "created_at - interval '5 days'", &[("system", "false")])),
        ("a note was by the author", set(notes, &first_review(4), authors)),
        (
            "marked as a draft",
            noted(
                "select id from merge_requests where state = 'opened' and not draft order by id desc limit 1",
                "created_at + interval '1 minute'",
                &draft,
            ),
        ),
        ("a merge request began as a draft", noted(&of_note(5), "created_at + interval '1 hour'", &ready)),
    ];
    changes.extend(gone_and_back(["a note is gone", "a note is back"], notes, &first_review(7)));
    changes.extend([
        ("approved early", set(approvals, &nth(approvals, 3, &by_another), early)),
        ("approved long after the merge", copy(approvals, &nth(approvals, 4, "true"), &long_after)),
        ("the approval has no time", set(approvals, late_id, "approved_at = null")),
        ("the approval has a time again", set(approvals, late_id, again)),
    ]);
    changes.extend(gone_and_back(["an approval is gone", "an approval is back"], approvals, late_id));
    changes.push(("a commit older than all", set(commits, &first_commit(6), older)));
    changes.extend(gone_and_back(["a commit is gone", "a commit is back"], commits, &first_commit(9)));
    changes
}

/// The merge request whose first review is the nth.
fn of_note(at: u32) -> String {
    format!(
        "select m.id from merge_requests m join merge_request_notes n on n.connection_id = m.connection_id
            and n.merge_request_external_id = m.external_id where n.id = ({})",
        first_review(at)
    )
}

pub(super) fn changes() -> Vec<Change> {
    [merge_requests(), reviews()].concat()
}

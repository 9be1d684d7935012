//! Work items, their statuses, and releases.

use super::{BY_HUMAN, Change, copy, done, gone_and_back, nth, of, release_begins, set, version};

const ITEMS: &str = "work_items";
const CHANGES: &str = "work_item_changes";

fn external_id(at: u32) -> String {
    of("versions", "external_id", &version(at))
}

fn transition() -> String {
    nth(CHANGES, 20, "field = 'status'")
}

/// An item that was done long before now.
fn old(key: &str, created: &str, resolved: &str, versions: &str) -> String {
    let (key, of) = (format!("'{key}'"), done(2));
    let columns = [
        ("key", key.as_str()),
        ("created_at", created),
        ("resolved_at", resolved),
        ("updated_at", resolved),
        ("fix_version_external_ids", versions),
    ];
    copy(ITEMS, &of, &columns)
}

fn items() -> Vec<Change> {
    let first = "(select min(created_at) from work_items)";
    let (created, resolved) = (format!("{first} - interval '60 days'"), format!("{first} - interval '59 days'"));
    let of_release = format!("jsonb_build_array({})", external_id(0));
    let somebody = "(select external_id from identities i where i.connection_id = t.connection_id order by id limit 1)";
    let change = |what, at, columns: &str| (what, set(ITEMS, &done(at), columns));
    let mut changes = vec![
        ("an item older than all", old("OLD-1", &created, &resolved, "'[]'::jsonb")),
        ("the oldest item is gone", set(ITEMS, "select id from work_items where key = 'OLD-1'", "deleted_at = now()")),
        ("a late item that was done, of a release", old("OLD-2", "'2026-01-03T00:00:00Z'", "'2026-01-04T00:00:00Z'", &of_release)),
        change("a bug", 4, "kind = 'bug'"),
        change("not done", 5, "status_category = 'in_progress', resolved_at = null"),
        ("resolved earlier", set(ITEMS, "select id from work_items where key = 'OLD-2'", "resolved_at = created_at - interval '2 days'")),
        change("created earlier", 7, "created_at = created_at - interval '9 days'"),
        change("assigned to somebody else", 8, &format!("assignee_external_id = {somebody}")),
        change("an epic", 9, "kind = 'epic'"),
        ("a late transition", copy(CHANGES, &transition(), &[("created_at", "'2026-01-05T00:00:00Z'")])),
        ("a transition at another time", set(CHANGES, &transition(), "created_at = created_at - interval '3 days'")),
    ];
    changes.extend(gone_and_back(["an item is gone", "an item is back"], ITEMS, &done(10)));
    changes.extend(gone_and_back(["a transition is gone", "a transition is back"], CHANGES, &transition()));
    let other = "category = case category when 'done' then 'in_progress' else 'done' end";
    changes.push(("a status means something else", set("work_item_statuses", "select min(id) from work_item_statuses", other)));
    changes
}

fn releases() -> Vec<Change> {
    let table = "versions";
    let change = |what, columns: &str| (what, set(table, &version(0), columns));
    let (release, item) = (external_id(0), of(ITEMS, "external_id", &done(11)));
    let came = [
        ("field", "'Fix Version'"),
        ("from_value", "null"),
        ("to_value", release.as_str()),
        ("created_at", "'2026-02-02T00:00:00Z'"),
        ("work_item_external_id", item.as_str()),
    ];
    let into = |at| set(ITEMS, &done(11), &format!("fix_version_external_ids = array[{}]", external_id(at)));
    let mut changes = vec![
        release_begins(),
        ("an item comes into it", into(0)),
        ("it came in February", copy(CHANGES, &transition(), &came)),
        ("it goes to another release", into(1)),
        change("the release begins in February", "start_on = '2026-02-05'"),
        change("its start is not known", "start_on = null"),
        change("its start is known again", "start_on = '2025-12-24'"),
        change("it was released", "released = true, release_on = '2026-02-20'"),
        change("it was released earlier", "release_on = '2026-02-01'"),
        change("it was not released", "released = false, release_on = null"),
        change("it is archived", "archived = true"),
        change("it is not archived", "archived = false"),
    ];
    changes.extend(gone_and_back(["a version is gone", "a version is back"], table, &version(0)));
    let keys = format!(
        "keys = array[(select key from work_items w where w.fix_version_external_ids @> array[{}] order by id limit 1)]",
        external_id(0)
    );
    let by_human = format!(
        "from_table = 'merge_requests' and exists (select from merge_requests m where m.connection_id = t.connection_id
            and m.external_id = t.from_external_id and m.deleted_at is null and {BY_HUMAN})"
    );
    let mention = nth("references_found", 0, &by_human);
    changes.push(("a merge request of an item of a release", set("references_found", &mention, &keys)));
    changes.push(("a merge request of no item", set("references_found", &mention, "keys = '{}'")));
    changes
}

pub(super) fn changes() -> Vec<Change> {
    [items(), releases()].concat()
}

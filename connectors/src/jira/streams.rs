//! The streams, in dependency order.

use ovia_domain::{Partitioning, StreamKind, StreamSpec};

pub const FIELDS: &str = "fields";
pub const STATUSES: &str = "statuses";
pub const GROUPS: &str = "groups";
pub const USERS: &str = "users";
pub const GROUP_MEMBERS: &str = "group_members";
pub const PROJECTS: &str = "projects";
pub const VERSIONS: &str = "versions";
pub const BOARDS: &str = "boards";
pub const SPRINTS: &str = "sprints";
pub const ISSUES: &str = "issues";
pub const CHANGELOGS: &str = "changelogs";
pub const WORKLOGS: &str = "worklogs";

/// The partition of what belongs to the site as a whole.
pub const SITE: &str = "site";
/// What stands before a key in a partition's name.
pub const PROJECT: &str = "project:";

/// The streams to sync. Without `details` no changelogs and no work logs.
pub fn streams(details: bool) -> Vec<StreamSpec> {
    let below = Partitioning::PerRecordOf;
    let mut streams = vec![
        list(FIELDS, "fields", Partitioning::Configured, "id"),
        list(STATUSES, "statuses", Partitioning::Configured, "id"),
        list(GROUPS, "groups", Partitioning::Configured, "groupId"),
        list(USERS, "users", Partitioning::Configured, "accountId"),
        list(GROUP_MEMBERS, "group members", below(GROUPS), "accountId"),
        list(PROJECTS, "projects", Partitioning::Configured, "id"),
        list(VERSIONS, "versions", below(PROJECTS), "id"),
        list(BOARDS, "boards", Partitioning::Configured, "id"),
        list(SPRINTS, "sprints", below(BOARDS), "id"),
        StreamSpec { windowed: true, complete: false, ..list(ISSUES, "issues", below(PROJECTS), "id") },
    ];
    if details {
        streams.extend([detail(CHANGELOGS, "changelogs"), detail(WORKLOGS, "work logs")]);
    }
    streams
}

/// A list that is read whole every time.
const fn list(name: &'static str, title: &'static str, partitioning: Partitioning, natural_key: &'static str) -> StreamSpec {
    StreamSpec { name, kind: StreamKind::List(partitioning), title, natural_key, windowed: false, complete: true, census: true }
}

const fn detail(name: &'static str, title: &'static str) -> StreamSpec {
    StreamSpec { name, kind: StreamKind::Detail, title, natural_key: "id", windowed: false, complete: false, census: false }
}

/// Whether each configured project has its own partition of this stream; otherwise the site is its only one.
pub fn is_per_project(stream: &str) -> bool {
    matches!(stream, PROJECTS | BOARDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_comes_after_those_it_needs() {
        let all = streams(true);
        for (index, stream) in all.iter().enumerate() {
            if let StreamKind::List(Partitioning::PerRecordOf(parent)) = stream.kind {
                assert!(all.iter().take(index).any(|earlier| earlier.name == parent), "{}", stream.name);
            }
        }
        assert_eq!(all.iter().filter(|stream| stream.windowed).map(|stream| stream.name).collect::<Vec<_>>(), [ISSUES]);
        assert!(streams(false).iter().all(|stream| stream.kind != StreamKind::Detail));
    }
}

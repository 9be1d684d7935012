//! Groups and projects.

use chrono::Duration;

use super::model::{Group, Project, Time};

pub(crate) const TOP_GROUP: &str = "brightloom";
const FIRST_GROUP_ID: u64 = 910;
const FIRST_PROJECT_ID: u64 = 4_001;

/// (path below the top group, name). The first is the top group itself; `platform/infra` is nested.
const GROUPS: [(&str, &str); 5] =
    [("", "Brightloom"), ("apps", "Apps"), ("platform", "Platform"), ("data", "Data & Analytics"), ("platform/infra", "Infrastructure")];

/// (group, path, name, weight, marks). Marks: `l` legacy style, `a` archived, `m` moved here, `f` fork of the project before it.
const PROJECTS: [(&str, &str, &str, u32, &str); 12] = [
    ("apps", "web", "Web", 26, ""),
    ("platform", "gateway", "API Gateway", 16, "m"),
    ("data", "ingest", "Ingest", 12, "l"),
    ("apps", "design-system", "Design System", 7, ""),
    ("apps", "design-system-next", "Design System Next", 4, "f"),
    ("apps", "checkout", "Checkout 🛒", 10, ""),
    ("apps", "mobile", "Mobile", 9, ""),
    ("platform", "identity.service", "Identity Service", 8, ""),
    ("platform/infra", "terraform-modules", "Terraform Modules", 6, "l"),
    ("data", "warehouse", "Warehouse", 5, ""),
    ("", "handbook", "Handbook", 4, ""),
    ("platform/infra", "legacy-portal", "Legacy Portal", 3, "al"),
];

pub(super) fn groups(as_of: Time) -> Vec<Group> {
    let full_path = |path: &str| if path.is_empty() { TOP_GROUP.to_owned() } else { format!("{TOP_GROUP}/{path}") };
    let id_of = |path: &str| GROUPS.iter().position(|group| group.0 == path).map(|index| FIRST_GROUP_ID + 3 * index as u64);
    GROUPS
        .iter()
        .enumerate()
        .map(|(index, (path, name))| {
            let (parent_path, own_path) = path.rsplit_once('/').unwrap_or(("", path));
            Group {
                id: FIRST_GROUP_ID + 3 * index as u64,
                name: (*name).to_owned(),
                path: if path.is_empty() { TOP_GROUP.to_owned() } else { own_path.to_owned() },
                full_path: full_path(path),
                parent: if path.is_empty() { None } else { id_of(parent_path) },
                created_at: as_of - Duration::days(2000 - index as i64 * 40),
            }
        })
        .collect()
}

pub(super) fn projects(count: usize, groups: &[Group], as_of: Time) -> Vec<Project> {
    let mut projects: Vec<Project> = Vec::with_capacity(count);
    for index in 0..count {
        let (group_path, path, name, weight, marks) = PROJECTS[index % PROJECTS.len()];
        let round = index / PROJECTS.len();
        let suffix = if round == 0 { String::new() } else { format!("-{}", round + 1) };
        let full_group = if group_path.is_empty() { TOP_GROUP.to_owned() } else { format!("{TOP_GROUP}/{group_path}") };
        let group = groups.iter().find(|group| group.full_path == full_group).map_or(groups[0].id, |group| group.id);
        projects.push(Project {
            id: FIRST_PROJECT_ID + 19 * index as u64,
            name: format!("{name}{suffix}"),
            path: format!("{path}{suffix}"),
            full_path: format!("{full_group}/{path}{suffix}"),
            group,
            archived: marks.contains('a'),
            visibility: ["private", "internal", "private", "public"][index % 4],
            default_branch: if marks.contains('l') { "master" } else { "main" },
            forked_from: if marks.contains('f') { projects.last().map(|source| source.id) } else { None },
            created_at: as_of - Duration::days(700 - index as i64 * 20),
            last_activity_at: as_of - Duration::days(1),
            weight,
            legacy: marks.contains('l'),
            old_path: marks.contains('m').then(|| format!("{TOP_GROUP}/{path}-old")),
        });
    }
    projects
}

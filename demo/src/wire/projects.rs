//! Groups, projects and memberships.

use bytes::Bytes;
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{EXTERNAL_URL, Stamp, Users, render};
use crate::company::Company;
use crate::company::model::{Group, Member, Project};

#[derive(Serialize)]
struct GroupRow<'a> {
    id: u64,
    web_url: String,
    name: &'a str,
    path: &'a str,
    description: &'static str,
    visibility: &'static str,
    share_with_group_lock: bool,
    require_two_factor_authentication: bool,
    two_factor_grace_period: u32,
    project_creation_level: &'static str,
    auto_devops_enabled: Option<bool>,
    subgroup_creation_level: &'static str,
    emails_disabled: bool,
    emails_enabled: bool,
    mentions_disabled: Option<bool>,
    lfs_enabled: bool,
    archived: bool,
    default_branch: Option<&'a str>,
    avatar_url: Option<&'a str>,
    request_access_enabled: bool,
    full_name: String,
    full_path: &'a str,
    created_at: Stamp,
    parent_id: Option<u64>,
    organization_id: u32,
    shared_runners_setting: &'static str,
}

/// A row of `subgroups` and `descendant_groups`.
pub(crate) fn group_row(group: &Group) -> Bytes {
    render(&GroupRow {
        id: group.id,
        web_url: format!("{EXTERNAL_URL}/groups/{}", group.full_path),
        name: &group.name,
        path: &group.path,
        description: "",
        visibility: "private",
        share_with_group_lock: false,
        require_two_factor_authentication: false,
        two_factor_grace_period: 48,
        project_creation_level: "developer",
        auto_devops_enabled: None,
        subgroup_creation_level: "maintainer",
        emails_disabled: false,
        emails_enabled: true,
        mentions_disabled: None,
        lfs_enabled: true,
        archived: false,
        default_branch: None,
        avatar_url: None,
        request_access_enabled: true,
        full_name: group.full_path.replace('/', " / "),
        full_path: &group.full_path,
        created_at: Stamp(group.created_at),
        parent_id: group.parent,
        organization_id: 1,
        shared_runners_setting: "enabled",
    })
}

/// `GET /groups/:id`; the deprecated embedded project lists are empty.
pub(crate) fn group_detail(group: &Group) -> Bytes {
    super::merge_objects(
        &group_row(group),
        br#"{"shared_with_groups":[],"prevent_sharing_groups_outside_hierarchy":false,"projects":[],"shared_projects":[]}"#,
    )
}

#[derive(Serialize)]
struct Namespace<'a> {
    id: u64,
    name: &'a str,
    path: &'a str,
    kind: &'static str,
    full_path: &'a str,
    parent_id: Option<u64>,
    avatar_url: Option<&'a str>,
    web_url: String,
}

#[derive(Serialize)]
struct ForkSource<'a> {
    id: u64,
    name: &'a str,
    path: &'a str,
    path_with_namespace: &'a str,
    web_url: String,
}

#[derive(Serialize)]
struct ProjectRow<'a> {
    id: u64,
    description: Option<&'a str>,
    name: &'a str,
    name_with_namespace: String,
    path: &'a str,
    path_with_namespace: &'a str,
    created_at: Stamp,
    default_branch: &'a str,
    tag_list: [&'a str; 0],
    topics: [&'a str; 0],
    ssh_url_to_repo: String,
    http_url_to_repo: String,
    web_url: String,
    readme_url: Option<String>,
    forks_count: u32,
    avatar_url: Option<&'a str>,
    star_count: u32,
    last_activity_at: Stamp,
    visibility: &'a str,
    namespace: Option<Namespace<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forked_from_project: Option<ForkSource<'a>>,
    packages_enabled: Option<bool>,
    empty_repo: bool,
    archived: bool,
    issues_enabled: bool,
    merge_requests_enabled: bool,
    wiki_enabled: bool,
    jobs_enabled: bool,
    issues_access_level: &'static str,
    merge_requests_access_level: &'static str,
    builds_access_level: &'static str,
    creator_id: u64,
    import_status: &'static str,
    open_issues_count: usize,
    updated_at: Stamp,
    ci_config_path: &'static str,
    merge_method: &'static str,
    squash_option: &'static str,
    marked_for_deletion_on: Option<&'a str>,
}

/// `GET /projects/:id`, and a row of every project list.
pub(crate) fn project_row(company: &Company, project: &Project) -> Bytes {
    let web = |path: &str| format!("{EXTERNAL_URL}/{path}");
    let group = company.groups.iter().find(|group| group.id == project.group);
    let source = project.forked_from.and_then(|id| company.projects.iter().find(|source| source.id == id));
    render(&ProjectRow {
        id: project.id,
        description: None,
        name: &project.name,
        name_with_namespace: project.full_path.replace('/', " / "),
        path: &project.path,
        path_with_namespace: &project.full_path,
        created_at: Stamp(project.created_at),
        default_branch: project.default_branch,
        tag_list: [],
        topics: [],
        ssh_url_to_repo: format!("git@gitlab.brightloom.example:{}.git", project.full_path),
        http_url_to_repo: web(&format!("{}.git", project.full_path)),
        web_url: web(&project.full_path),
        readme_url: Some(web(&format!("{}/-/blob/{}/README.md", project.full_path, project.default_branch))),
        forks_count: company.projects.iter().filter(|fork| fork.forked_from == Some(project.id)).count() as u32,
        avatar_url: None,
        star_count: (project.id % 9) as u32,
        last_activity_at: Stamp(project.last_activity_at),
        visibility: project.visibility,
        namespace: group.map(|group| Namespace {
            id: group.id,
            name: &group.name,
            path: &group.path,
            kind: "group",
            full_path: &group.full_path,
            parent_id: group.parent,
            avatar_url: None,
            web_url: web(&format!("groups/{}", group.full_path)),
        }),
        forked_from_project: source.map(|source| ForkSource {
            id: source.id,
            name: &source.name,
            path: &source.path,
            path_with_namespace: &source.full_path,
            web_url: web(&source.full_path),
        }),
        packages_enabled: None,
        empty_repo: false,
        archived: project.archived,
        issues_enabled: true,
        merge_requests_enabled: true,
        wiki_enabled: false,
        jobs_enabled: true,
        issues_access_level: "enabled",
        merge_requests_access_level: "enabled",
        builds_access_level: "enabled",
        creator_id: company.users[0].id,
        import_status: "none",
        open_issues_count: company
            .issues
            .iter()
            .filter(|issue| issue.state == "opened" && company.projects[issue.project].id == project.id)
            .count(),
        updated_at: Stamp(project.last_activity_at),
        ci_config_path: "",
        merge_method: "merge",
        squash_option: "default_off",
        marked_for_deletion_on: None,
    })
}

#[derive(Serialize)]
struct MemberExtra<'a> {
    access_level: i32,
    created_at: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<&'a RawValue>,
    expires_at: Option<NaiveDate>,
    group_saml_identity: Option<&'a str>,
    group_scim_identity: Option<&'a str>,
    membership_state: &'static str,
}

/// A row of `members/all`: no e-mail, no bot flag.
pub(crate) fn member_row(company: &Company, users: &Users, member: &Member) -> Bytes {
    let extra = MemberExtra {
        access_level: member.access_level,
        created_at: Stamp(member.created_at),
        created_by: member.user.is_multiple_of(2).then(|| users.basic(company.users[0].id)),
        expires_at: member.expires_at,
        group_saml_identity: None,
        group_scim_identity: None,
        membership_state: "active",
    };
    super::merge_objects(users.basic(member.user).get().as_bytes(), &render(&extra))
}

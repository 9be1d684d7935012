//! Who is a member of what, inherited memberships included.

use super::Company;
use super::model::{Member, Scope};

impl Company {
    /// What `members/all` lists: direct and inherited members, each account once with its highest role, by account id.
    pub(crate) fn members_all(&self, scope: Scope) -> Vec<&Member> {
        let mut scopes = vec![scope];
        let mut group = match scope {
            Scope::Group(id) => Some(id),
            Scope::Project(id) => {
                let group = self.projects.iter().find(|project| project.id == id).map(|project| project.group);
                scopes.extend(group.map(Scope::Group));
                group
            }
        };
        while let Some(parent) = group.and_then(|id| self.groups.iter().find(|one| one.id == id)).and_then(|one| one.parent) {
            scopes.push(Scope::Group(parent));
            group = Some(parent);
        }
        let mut members: Vec<&Member> = self.members.iter().filter(|member| scopes.contains(&member.scope)).collect();
        members.sort_by_key(|member| (member.user, std::cmp::Reverse(member.access_level)));
        members.dedup_by_key(|member| member.user);
        members
    }
}

//! What settings name: a group or a project, as a partition of the configured streams.

/// `group:{path or id}` or `project:{path or id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    Group(&'a str),
    Project(&'a str),
}

impl<'a> Scope<'a> {
    pub fn parse(partition: &'a str) -> Option<Self> {
        match partition.split_once(':')? {
            ("group", path) if !path.is_empty() => Some(Self::Group(path)),
            ("project", path) if !path.is_empty() => Some(Self::Project(path)),
            _ => None,
        }
    }

    /// The URL segments of the group or project itself.
    pub fn segments(self) -> [&'a str; 2] {
        match self {
            Self::Group(path) => ["groups", path],
            Self::Project(path) => ["projects", path],
        }
    }

    /// For people, as `` project `acme/web` ``.
    pub fn title(self) -> String {
        match self {
            Self::Group(path) => format!("group `{path}`"),
            Self::Project(path) => format!("project `{path}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_parse() {
        assert_eq!(Scope::parse("group:acme/tools"), Some(Scope::Group("acme/tools")));
        assert_eq!(Scope::parse("project:42"), Some(Scope::Project("42")));
        for partition in ["acme", "user:x", "group:", ""] {
            assert_eq!(Scope::parse(partition), None, "{partition}");
        }
    }
}

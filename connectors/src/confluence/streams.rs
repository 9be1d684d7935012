//! The streams, in dependency order.

use ovia_domain::{Partitioning, StreamKind, StreamSpec};

pub const GROUPS: &str = "groups";
pub const GROUP_MEMBERS: &str = "group_members";
pub const SPACES: &str = "spaces";
pub const COMMENTS: &str = "comments";
pub const ARCHIVED_PAGES: &str = "archived_pages";
pub const USER_DETAILS: &str = "user_details";

/// Pages and blog posts: two lists with the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Page,
    BlogPost,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::Page, Kind::BlogPost];

    /// The list stream.
    pub fn stream(self) -> &'static str {
        match self {
            Self::Page => "pages",
            Self::BlogPost => "blog_posts",
        }
    }

    pub fn versions(self) -> &'static str {
        match self {
            Self::Page => "page_versions",
            Self::BlogPost => "blog_post_versions",
        }
    }

    pub fn labels(self) -> &'static str {
        match self {
            Self::Page => "page_labels",
            Self::BlogPost => "blog_post_labels",
        }
    }

    /// The path in v2.
    pub fn segment(self) -> &'static str {
        match self {
            Self::Page => "pages",
            Self::BlogPost => "blogposts",
        }
    }

    /// The type in CQL.
    pub fn cql(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::BlogPost => "blogpost",
        }
    }

    /// Statuses of what is out of use but not gone. Blog posts cannot be archived.
    pub fn retired(self) -> &'static [&'static str] {
        match self {
            Self::Page => &["archived", "trashed"],
            Self::BlogPost => &["trashed"],
        }
    }

    /// Every status of what is not gone.
    pub fn statuses(self) -> &'static [&'static str] {
        match self {
            Self::Page => &["current", "archived", "trashed"],
            Self::BlogPost => &["current", "trashed"],
        }
    }

    /// The kind whose list, versions or labels a stream holds.
    pub fn of_stream(stream: &str) -> Option<Self> {
        let holds = |kind: &Self| [kind.stream(), kind.versions(), kind.labels()].contains(&stream);
        Self::ALL.into_iter().find(holds).or_else(|| (stream == ARCHIVED_PAGES).then_some(Self::Page))
    }
}

const fn list(name: &'static str, title: &'static str, partitioning: Partitioning, complete: bool) -> StreamSpec {
    StreamSpec { name, kind: StreamKind::List(partitioning), title, natural_key: "id", windowed: false, complete, census: true }
}

const fn detail(name: &'static str, title: &'static str) -> StreamSpec {
    StreamSpec { name, kind: StreamKind::Detail, title, natural_key: "id", windowed: false, complete: false, census: false }
}

/// The streams to sync. `body`: the text of pages is wanted.
pub fn streams(body: bool) -> Vec<StreamSpec> {
    let mut streams = vec![
        list(GROUPS, "groups", Partitioning::Configured, true),
        list(GROUP_MEMBERS, "group members", Partitioning::PerRecordOf(GROUPS), true),
        list(SPACES, "spaces", Partitioning::Configured, true),
        list("pages", "pages", Partitioning::PerRecordOf(SPACES), false),
        list("blog_posts", "blog posts", Partitioning::PerRecordOf(SPACES), false),
        list(COMMENTS, "comments", Partitioning::PerRecordOf(SPACES), false),
        detail("page_versions", "page versions"),
        detail("page_labels", "page labels"),
        detail("blog_post_versions", "blog post versions"),
        detail("blog_post_labels", "blog post labels"),
    ];
    if body {
        streams.push(detail(ARCHIVED_PAGES, "texts of archived pages"));
    }
    // Last: all the others name accounts.
    streams.push(detail(USER_DETAILS, "user details"));
    streams
}

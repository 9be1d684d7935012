//! The sources Ovia can connect to, and what a connection to each needs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of source system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Gitlab,
}

impl Source {
    pub const ALL: [Source; 1] = [Source::Gitlab];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gitlab => "gitlab",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }

    pub fn descriptor(self) -> &'static SourceDescriptor {
        match self {
            Self::Gitlab => &GITLAB,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a source is called and what a connection to it needs; `GET /connectors` is made of it.
#[derive(Debug)]
pub struct SourceDescriptor {
    pub source: Source,
    pub title: &'static str,
    pub description: &'static str,
    pub base_url_example: &'static str,
    /// Fields of `credentials`.
    pub credentials: &'static [FieldSpec],
    /// Fields of `settings`.
    pub settings: &'static [FieldSpec],
    pub docs_url: &'static str,
}

/// One field a user fills in.
#[derive(Debug)]
pub struct FieldSpec {
    pub name: &'static str,
    /// JSON type: `string`, `boolean`, `integer`, `array of strings`.
    pub json_type: &'static str,
    pub required: bool,
    pub secret: bool,
    pub description: &'static str,
}

static GITLAB: SourceDescriptor = SourceDescriptor {
    source: Source::Gitlab,
    title: "GitLab",
    description: "Groups, projects, members, issues, merge requests with reviews, pipelines, jobs, deployments and releases of GitLab.com or a self-managed GitLab.",
    base_url_example: "https://gitlab.example.com",
    credentials: &[FieldSpec {
        name: "token",
        json_type: "string",
        required: true,
        secret: true,
        description: "A personal, group or project access token with scope read_api, or an OAuth access token with settings.auth = \"bearer\".",
    }],
    settings: &[
        FieldSpec {
            name: "groups",
            json_type: "array of strings",
            required: false,
            secret: false,
            description: "Full paths or ids of groups to sync, subgroups included. At least one group or project is needed.",
        },
        FieldSpec {
            name: "projects",
            json_type: "array of strings",
            required: false,
            secret: false,
            description: "Full paths or ids of projects to sync.",
        },
        FieldSpec {
            name: "auth",
            json_type: "string",
            required: false,
            secret: false,
            description: "How the token is sent: \"private_token\" (default) or \"bearer\".",
        },
        FieldSpec {
            name: "details",
            json_type: "boolean",
            required: false,
            secret: false,
            description: "Fetch per-item details (notes, approvals, commits, sizes, pipeline durations, jobs). Default true.",
        },
        FieldSpec {
            name: "since",
            json_type: "string",
            required: false,
            secret: false,
            description: "RFC 3339 time; the first sync fetches what was updated after it. Default: everything.",
        },
        FieldSpec {
            name: "page_size",
            json_type: "integer",
            required: false,
            secret: false,
            description: "Rows per page, 1 to 100. Default 100.",
        },
        FieldSpec {
            name: "max_in_flight",
            json_type: "integer",
            required: false,
            secret: false,
            description: "Requests in flight at once, 1 to 32. Default 8.",
        },
    ],
    docs_url: "https://docs.gitlab.com/user/profile/personal_access_tokens/",
};

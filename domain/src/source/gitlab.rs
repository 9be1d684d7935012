//! GitLab.

use super::{FieldSpec, Source, SourceDescriptor};

pub(super) static GITLAB: SourceDescriptor = SourceDescriptor {
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
    credential_sets: &[&["token"]],
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

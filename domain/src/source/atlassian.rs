//! Jira Cloud and Confluence Cloud: two products of one site, with the same accounts and tokens.

use super::{FieldSpec, Source, SourceDescriptor};

pub(super) static JIRA: SourceDescriptor = SourceDescriptor {
    source: Source::Jira,
    title: "Jira Cloud",
    description: "Issues with their history, links, work logs, sprints, boards and versions, and the users, groups and projects of a Jira Cloud site.",
    base_url_example: "https://acme.atlassian.net",
    credentials: CREDENTIALS,
    credential_sets: CREDENTIAL_SETS,
    settings: &[
        FieldSpec {
            name: "project_keys",
            json_type: "array of strings",
            required: true,
            secret: false,
            description: "Keys of the projects to sync, as WEB. At least one.",
        },
        FieldSpec {
            name: "sync_window_days",
            json_type: "integer",
            required: false,
            secret: false,
            description: "The first sync fetches issues updated in so many days before it. Default: everything.",
        },
        FieldSpec {
            name: "type_mapping",
            json_type: "object",
            required: false,
            secret: false,
            description: "What an issue type is, by its name or id: {\"Fehler\": \"bug\"}. One of epic, story, bug, task, subtask. Types not named are recognised by their level and usual names.",
        },
        FieldSpec {
            name: "release_label_prefixes",
            json_type: "array of strings",
            required: false,
            secret: false,
            description: "A label that begins with one of these names the release of an issue without fix version, as release-. Default: none.",
        },
        FieldSpec {
            name: "details",
            json_type: "boolean",
            required: false,
            secret: false,
            description: "Fetch changelogs and work logs. Default true.",
        },
        FieldSpec {
            name: "page_size",
            json_type: "integer",
            required: false,
            secret: false,
            description: "Rows per page, 1 to 100. Default 100.",
        },
        MAX_IN_FLIGHT,
    ],
    docs_url: "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/",
};

pub(super) static CONFLUENCE: SourceDescriptor = SourceDescriptor {
    source: Source::Confluence,
    title: "Confluence Cloud",
    description: "Spaces, pages and blog posts with their versions, labels and comments, and the users and groups of a Confluence Cloud site.",
    base_url_example: "https://acme.atlassian.net/wiki",
    credentials: CREDENTIALS,
    credential_sets: CREDENTIAL_SETS,
    settings: &[
        FieldSpec {
            name: "space_keys",
            json_type: "array of strings",
            required: false,
            secret: false,
            description: "Keys of the spaces to sync. Default: every space that is no personal one.",
        },
        FieldSpec {
            name: "body",
            json_type: "boolean",
            required: false,
            secret: false,
            description: "Fetch the text of pages, for search. Default true.",
        },
        FieldSpec {
            name: "max_body_bytes",
            json_type: "integer",
            required: false,
            secret: false,
            description: "Of a page's text; what is longer is cut. Default 262144.",
        },
        FieldSpec {
            name: "since",
            json_type: "string",
            required: false,
            secret: false,
            description: "RFC 3339 time; the first sync fetches what was changed after it. Default: everything.",
        },
        FieldSpec {
            name: "page_size",
            json_type: "integer",
            required: false,
            secret: false,
            description: "Rows per page, 1 to 250. Default 100.",
        },
        MAX_IN_FLIGHT,
    ],
    docs_url: "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/",
};

const CREDENTIALS: &[FieldSpec] = &[
    FieldSpec {
        name: "email",
        json_type: "string",
        required: false,
        secret: false,
        description: "The e-mail address of the account that api_token belongs to.",
    },
    FieldSpec {
        name: "api_token",
        json_type: "string",
        required: false,
        secret: true,
        description: "An API token of that account. A token with scopes, or of a service account, needs the base URL https://api.atlassian.com/ex/{product}/{cloudId}.",
    },
    FieldSpec {
        name: "access_token",
        json_type: "string",
        required: false,
        secret: true,
        description: "An OAuth 2.0 access token, instead of email and api_token.",
    },
];

const CREDENTIAL_SETS: &[&[&str]] = &[&["email", "api_token"], &["access_token"]];

const MAX_IN_FLIGHT: FieldSpec = FieldSpec {
    name: "max_in_flight",
    json_type: "integer",
    required: false,
    secret: false,
    description: "Requests in flight at once, 1 to 32. Default 8.",
};

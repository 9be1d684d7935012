//! Columns of the domain tables, as entities carry them. SQL is built from these once; a test runs each statement against the schema.

mod work;

use std::{collections::HashMap, fmt::Write, sync::LazyLock};

/// How a row that exists takes new values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// The new values replace the old.
    Replace,
    /// A null keeps the old value.
    KeepKnown,
    /// A value once known is kept.
    KeepFirst,
    /// The new values replace the old, all or none: not where this column of theirs is less than the stored one. Rows that were
    /// deleted take what comes.
    UnlessOlder(&'static str),
}

pub struct Table {
    /// Name of the entity: the table's, or `table.part`.
    pub name: &'static str,
    pub columns: &'static [(&'static str, &'static str)],
    pub merge: Merge,
}

const TEXT: &str = "text";
const TIME: &str = "timestamptz";
const INT: &str = "bigint";
const BOOL: &str = "boolean";
const TEXTS: &str = "text[]";
const FLOAT: &str = "double precision";

pub static TABLES: &[Table] = &[
    Table {
        name: "identities",
        columns: &[
            ("username", TEXT),
            ("display_name", TEXT),
            ("email", TEXT),
            ("is_bot", BOOL),
            ("bot_reason", TEXT),
            ("state", TEXT),
            ("url", TEXT),
            ("source_created_at", TIME),
        ],
        merge: Merge::KeepKnown,
    },
    Table {
        name: "memberships",
        columns: &[("scope", TEXT), ("identity_external_id", TEXT), ("access_level", "int"), ("state", TEXT), ("expires_at", "date")],
        merge: Merge::Replace,
    },
    Table {
        name: "groups",
        columns: &[("name", TEXT), ("full_path", TEXT), ("parent_external_id", TEXT), ("url", TEXT)],
        merge: Merge::Replace,
    },
    Table {
        name: "projects",
        columns: &[
            ("name", TEXT),
            ("full_path", TEXT),
            ("default_branch", TEXT),
            ("archived", BOOL),
            ("visibility", TEXT),
            ("forked_from_external_id", TEXT),
            ("namespace_external_id", TEXT),
            ("key", TEXT),
            ("former_keys", TEXTS),
            ("url", TEXT),
            ("created_at", TIME),
            ("last_activity_at", TIME),
        ],
        merge: Merge::Replace,
    },
    Table {
        name: "issues",
        columns: &[
            ("project_external_id", TEXT),
            ("number", INT),
            ("title", TEXT),
            ("state", TEXT),
            ("issue_type", TEXT),
            ("author_external_id", TEXT),
            ("assignee_external_ids", TEXTS),
            ("labels", TEXTS),
            ("milestone", TEXT),
            ("confidential", BOOL),
            ("weight", INT),
            ("due_on", "date"),
            ("created_at", TIME),
            ("updated_at", TIME),
            ("closed_at", TIME),
            ("url", TEXT),
        ],
        merge: Merge::UnlessOlder("updated_at"),
    },
    Table {
        name: "merge_requests",
        columns: &[
            ("project_external_id", TEXT),
            ("number", INT),
            ("title", TEXT),
            ("state", TEXT),
            ("draft", BOOL),
            ("author_external_id", TEXT),
            ("merged_by_external_id", TEXT),
            ("assignee_external_ids", TEXTS),
            ("reviewer_external_ids", TEXTS),
            ("labels", TEXTS),
            ("milestone", TEXT),
            ("source_branch", TEXT),
            ("target_branch", TEXT),
            ("source_project_external_id", TEXT),
            ("is_fork", BOOL),
            ("head_sha", TEXT),
            ("merge_commit_sha", TEXT),
            ("squash_commit_sha", TEXT),
            ("created_at", TIME),
            ("updated_at", TIME),
            ("prepared_at", TIME),
            ("merged_at", TIME),
            ("closed_at", TIME),
            ("url", TEXT),
        ],
        merge: Merge::UnlessOlder("updated_at"),
    },
    Table {
        name: "merge_requests.size",
        columns: &[("additions", INT), ("deletions", INT), ("changed_files", INT), ("size_is_partial", BOOL)],
        merge: Merge::Replace,
    },
    Table {
        name: "merge_request_notes",
        columns: &[
            ("merge_request_external_id", TEXT),
            ("author_external_id", TEXT),
            ("system", BOOL),
            ("event", TEXT),
            ("created_at", TIME),
            ("updated_at", TIME),
        ],
        merge: Merge::Replace,
    },
    Table {
        name: "merge_request_approvals",
        columns: &[("merge_request_external_id", TEXT), ("identity_external_id", TEXT), ("approved_at", TIME)],
        merge: Merge::KeepFirst,
    },
    Table {
        name: "merge_request_commits",
        columns: &[
            ("merge_request_external_id", TEXT),
            ("sha", TEXT),
            ("title", TEXT),
            ("author_name", TEXT),
            ("author_email", TEXT),
            ("authored_at", TIME),
            ("committed_at", TIME),
        ],
        merge: Merge::Replace,
    },
    Table {
        name: "pipelines",
        columns: &[
            ("project_external_id", TEXT),
            ("number", INT),
            ("status", TEXT),
            ("trigger", TEXT),
            ("git_ref", TEXT),
            ("sha", TEXT),
            ("created_at", TIME),
            ("updated_at", TIME),
            ("url", TEXT),
        ],
        merge: Merge::UnlessOlder("updated_at"),
    },
    Table {
        name: "pipelines.times",
        columns: &[
            ("identity_external_id", TEXT),
            ("started_at", TIME),
            ("finished_at", TIME),
            ("duration_seconds", FLOAT),
            ("queued_seconds", FLOAT),
            ("coverage", FLOAT),
        ],
        merge: Merge::Replace,
    },
    Table {
        name: "jobs",
        columns: &[
            ("project_external_id", TEXT),
            ("pipeline_external_id", TEXT),
            ("name", TEXT),
            ("stage", TEXT),
            ("status", TEXT),
            ("job_kind", TEXT),
            ("git_ref", TEXT),
            ("identity_external_id", TEXT),
            ("allow_failure", BOOL),
            ("created_at", TIME),
            ("started_at", TIME),
            ("finished_at", TIME),
            ("duration_seconds", FLOAT),
            ("queued_seconds", FLOAT),
            ("url", TEXT),
        ],
        merge: Merge::Replace,
    },
    Table {
        name: "environments",
        columns: &[
            ("project_external_id", TEXT),
            ("name", TEXT),
            ("tier", TEXT),
            ("state", TEXT),
            ("external_url", TEXT),
            ("created_at", TIME),
            ("updated_at", TIME),
        ],
        merge: Merge::Replace,
    },
    Table {
        name: "deployments",
        columns: &[
            ("project_external_id", TEXT),
            ("number", INT),
            ("status", TEXT),
            ("environment_external_id", TEXT),
            ("environment_name", TEXT),
            ("environment_tier", TEXT),
            ("git_ref", TEXT),
            ("sha", TEXT),
            ("identity_external_id", TEXT),
            ("created_at", TIME),
            ("updated_at", TIME),
            ("finished_at", TIME),
            ("url", TEXT),
        ],
        merge: Merge::UnlessOlder("updated_at"),
    },
    Table {
        name: "tag_releases",
        columns: &[
            ("project_external_id", TEXT),
            ("tag", TEXT),
            ("name", TEXT),
            ("upcoming", BOOL),
            ("author_external_id", TEXT),
            ("sha", TEXT),
            ("created_at", TIME),
            ("released_at", TIME),
            ("url", TEXT),
        ],
        merge: Merge::Replace,
    },
];

/// Statement per entity name. Parameters: $1 org, $2 connection, $3 rows as JSON, $4 source (identities only).
pub static STATEMENTS: LazyLock<HashMap<&'static str, String>> = LazyLock::new(|| {
    let mut statements: HashMap<&'static str, String> =
        TABLES.iter().chain(work::TABLES).map(|table| (table.name, statement(table))).collect();
    statements.insert("identities.refs", identity_refs());
    statements
});

fn statement(table: &Table) -> String {
    match table.name.split_once('.') {
        Some((name, _)) => update_part(name, table),
        None => upsert(table),
    }
}

fn list(table: &Table, each: impl Fn(&str, &str) -> String) -> String {
    table.columns.iter().map(|(name, kind)| each(name, kind)).collect::<Vec<_>>().join(", ")
}

fn rows(table: &Table) -> String {
    format!("json_to_recordset($3::json) as r (external_id text, {})", list(table, |name, kind| format!("{name} {kind}")))
}

fn merged(table: &Table, column: &str) -> String {
    let name = table.name;
    match table.merge {
        Merge::Replace | Merge::UnlessOlder(_) => format!("excluded.{column}"),
        Merge::KeepKnown => format!("coalesce(excluded.{column}, {name}.{column})"),
        Merge::KeepFirst => format!("coalesce({name}.{column}, excluded.{column})"),
    }
}

fn upsert(table: &Table) -> String {
    let name = table.name;
    let with_source = name == "identities";
    let (source_column, source_value) = if with_source { ("source, ", "$4, ") } else { ("", "") };
    let mut sql = format!(
        "insert into {name} (org_id, connection_id, {source_column}external_id, {}) select $1, $2, {source_value}r.external_id, {} from {}",
        list(table, |column, _| column.to_owned()),
        list(table, |column, _| format!("r.{column}")),
        rows(table),
    );
    if name == "references_found" {
        // Most texts mention nothing: a place without keys has a row only where it had some.
        sql.push_str(
            " where r.keys <> '{}' or exists (select from references_found f where f.connection_id = $2 and f.external_id = r.external_id)",
        );
    }
    let _ = write!(
        sql,
        " on conflict (connection_id, external_id) do update set {}, changed_at = now(), deleted_at = null where ({}, {name}.deleted_at) is distinct from ({}, null::timestamptz)",
        list(table, |column, _| format!("{column} = {}", merged(table, column))),
        list(table, |column, _| format!("{name}.{column}")),
        list(table, |column, _| merged(table, column)),
    );
    if let Merge::UnlessOlder(guard) = table.merge {
        let _ = write!(sql, " and ({name}.deleted_at is not null or (excluded.{guard} < {name}.{guard}) is not true)");
    }
    sql
}

fn update_part(name: &str, table: &Table) -> String {
    format!(
        "update {name} set {}, changed_at = now() from {} where {name}.org_id = $1 and {name}.connection_id = $2 and {name}.external_id = r.external_id and ({}) is distinct from ({})",
        list(table, |column, _| format!("{column} = r.{column}")),
        rows(table),
        list(table, |column, _| format!("{name}.{column}")),
        list(table, |column, _| format!("r.{column}")),
    )
}

fn identity_refs() -> String {
    "insert into identities (org_id, connection_id, source, external_id, username, display_name, is_bot, bot_reason, state, url) \
     select $1, $2, $4, r.external_id, r.username, r.display_name, r.is_bot, r.bot_reason, r.state, r.url \
     from json_to_recordset($3::json) as r (external_id text, username text, display_name text, is_bot boolean, bot_reason text, state text, url text) \
     on conflict (connection_id, external_id) do nothing returning external_id"
        .to_owned()
}

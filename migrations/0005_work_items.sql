-- Work items, and pages of a wiki. Columns are the fields of domain/src/work_items.rs and domain/src/documents.rs. As in 0002, references
-- are external ids within one connection, created_at and updated_at are the source's, ingested_at and changed_at are Ovia's.

alter table projects
    -- what keys of its work items begin with
    add column key text,
    add column former_keys text[] not null default '{}';
create index projects_by_key on projects (org_id, key) where key is not null;
create index projects_by_former_key on projects using gin (former_keys) where former_keys <> '{}';

create table work_items (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    -- as people call it now; a move to another project changes it, the external id stays
    key text not null,
    project_external_id text not null,
    title text not null,
    kind text not null check (kind in ('epic', 'story', 'bug', 'task', 'subtask')),
    type_name text not null,
    type_external_id text,
    status text not null,
    status_external_id text,
    -- null where the source names none
    status_category text check (status_category in ('todo', 'in_progress', 'done')),
    priority text,
    resolution text,
    parent_external_id text,
    author_external_id text,
    reporter_external_id text,
    assignee_external_id text,
    labels text[] not null,
    components text[] not null,
    fix_version_external_ids text[] not null,
    -- all it is or was in
    sprint_external_ids text[] not null,
    story_points double precision,
    due_on date,
    created_at timestamptz not null,
    -- guards the row: an older one never replaces a newer one
    updated_at timestamptz,
    resolved_at timestamptz,
    url text,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index work_items_by_org on work_items (org_id, created_at desc, id desc);
create index work_items_by_key on work_items (org_id, key);
create index work_items_by_project on work_items (connection_id, project_external_id, updated_at);
create index work_items_by_parent on work_items (connection_id, parent_external_id) where parent_external_id is not null;
create index work_items_by_assignee on work_items (connection_id, assignee_external_id) where assignee_external_id is not null;
create index work_items_resolved on work_items (org_id, resolved_at) where resolved_at is not null;
create index work_items_by_fix_version on work_items using gin (fix_version_external_ids);
create index work_items_by_sprint on work_items using gin (sprint_external_ids);

-- one field of one change; external_id is {work item}:{change}:{position within it}
create table work_item_changes (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    work_item_external_id text not null,
    author_external_id text,
    -- when it was changed
    created_at timestamptz not null,
    field text not null,
    field_external_id text,
    from_value text,
    from_text text,
    to_value text,
    to_text text,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
-- the history of one item, in order; and all changes of one field, as of status
create index work_item_changes_by_work_item on work_item_changes (connection_id, work_item_external_id, created_at);
create index work_item_changes_by_field on work_item_changes (org_id, field, created_at);

-- one row for both ends: link_type is said of from, as blocks
create table work_item_links (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    from_external_id text not null,
    to_external_id text not null,
    link_type text not null,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index work_item_links_by_from on work_item_links (connection_id, from_external_id);
create index work_item_links_by_to on work_item_links (connection_id, to_external_id);

create table worklogs (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    work_item_external_id text not null,
    author_external_id text,
    started_at timestamptz not null,
    seconds bigint not null,
    created_at timestamptz,
    updated_at timestamptz,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index worklogs_by_work_item on worklogs (connection_id, work_item_external_id);
create index worklogs_by_org on worklogs (org_id, started_at);

-- what a project plans or has released; releases are published tags
create table versions (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    project_external_id text not null,
    name text not null,
    description text,
    released boolean not null,
    archived boolean not null,
    start_on date,
    -- planned, or real once it is released
    release_on date,
    url text,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index versions_by_project on versions (connection_id, project_external_id);

create table boards (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    name text not null,
    board_kind text not null,
    project_external_id text,
    url text,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);

create table sprints (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    board_external_id text,
    name text not null,
    state text not null,
    goal text,
    starts_at timestamptz,
    -- as planned
    ends_at timestamptz,
    completed_at timestamptz,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index sprints_by_board on sprints (connection_id, board_external_id, starts_at);

create table work_item_statuses (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    name text not null,
    category text check (category in ('todo', 'in_progress', 'done')),
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);

create table work_item_fields (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    name text not null,
    custom boolean not null,
    schema_type text,
    -- which plug-in's field it is
    schema_custom text,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);

create table spaces (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    key text not null,
    name text not null,
    space_kind text,
    status text,
    author_external_id text,
    created_at timestamptz,
    url text,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index spaces_by_key on spaces (org_id, key);

create table documents (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    space_external_id text,
    document_kind text not null check (document_kind in ('page', 'blog_post')),
    title text not null,
    status text not null,
    parent_external_id text,
    author_external_id text,
    owner_external_id text,
    -- who wrote the newest version
    editor_external_id text,
    -- of the newest version; guards the row: an older one never replaces a newer one
    version_number bigint not null,
    created_at timestamptz,
    updated_at timestamptz,
    -- null where the body was not asked for
    body_text text,
    body_is_cut boolean not null,
    url text,
    -- from the document's own list; null until it was read
    labels text[],
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index documents_by_org on documents (org_id, created_at desc, id desc);
create index documents_by_space on documents (connection_id, space_external_id, updated_at);
create index documents_by_parent on documents (connection_id, parent_external_id) where parent_external_id is not null;
create index documents_updated on documents (org_id, updated_at);

-- external_id is {document}:{number}
create table document_versions (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    document_external_id text not null,
    number bigint not null,
    author_external_id text,
    created_at timestamptz,
    minor boolean not null,
    message text,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index document_versions_by_document on document_versions (connection_id, document_external_id);
create index document_versions_by_org on document_versions (org_id, created_at);

create table document_comments (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    document_external_id text not null,
    author_external_id text,
    comment_kind text not null,
    parent_external_id text,
    created_at timestamptz,
    updated_at timestamptz,
    url text,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index document_comments_by_document on document_comments (connection_id, document_external_id);

-- keys of work items found in one place of one thing; external_id is {table}:{id}:{place}
create table references_found (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    -- merge_requests or documents
    from_table text not null,
    from_external_id text not null,
    place text not null,
    -- none, where what was found before is not there any more
    keys text[] not null,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index references_found_by_from on references_found (connection_id, from_table, from_external_id);
-- keys are names, not ids: they may lead to any connection of the organisation
create index references_found_by_key on references_found using gin (keys);

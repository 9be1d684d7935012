-- The domain rows. Columns are the fields of domain/src/entities.rs; references are external ids within one connection.
-- created_at and updated_at are the source's; ingested_at and changed_at are Ovia's.

create table identities (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    source text not null,
    external_id text not null,
    username text,
    display_name text,
    email text,
    is_bot boolean,
    bot_reason text,
    state text,
    url text,
    source_created_at timestamptz,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index identities_by_org on identities (org_id, id);

create table people (
    id uuid primary key,
    org_id uuid not null references organisations (id),
    display_name text not null,
    primary_email text,
    is_bot boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index people_by_org on people (org_id, display_name, id);

create table person_identity_links (
    identity_id uuid primary key references identities (id) on delete cascade,
    org_id uuid not null references organisations (id),
    person_id uuid references people (id) on delete cascade,
    -- auto: linked by rules; conflict: a person has to decide; confirmed/rejected: a person decided; superseded: no longer holds
    status text not null check (status in ('auto', 'conflict', 'confirmed', 'rejected', 'superseded')),
    confidence double precision not null,
    rule text not null,
    -- evidence, as [{"rule","detail","with"}]
    trace jsonb not null,
    rule_set_version int not null,
    run_id uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index person_identity_links_by_person on person_identity_links (person_id);

create table memberships (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    scope text not null,
    identity_external_id text not null,
    access_level int,
    state text,
    expires_at date,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);

create table groups (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    name text not null,
    full_path text not null,
    parent_external_id text,
    url text,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);

create table projects (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    name text not null,
    full_path text not null,
    default_branch text,
    archived boolean not null,
    visibility text,
    forked_from_external_id text,
    namespace_external_id text,
    url text,
    created_at timestamptz,
    last_activity_at timestamptz,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);

create table issues (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    project_external_id text not null,
    number bigint not null,
    title text not null,
    state text not null,
    issue_type text,
    author_external_id text,
    assignee_external_ids text[] not null,
    labels text[] not null,
    milestone text,
    confidential boolean not null,
    weight bigint,
    due_on date,
    created_at timestamptz not null,
    updated_at timestamptz,
    closed_at timestamptz,
    url text,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);

create table merge_requests (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    project_external_id text not null,
    number bigint not null,
    title text not null,
    state text not null,
    draft boolean not null,
    author_external_id text,
    merged_by_external_id text,
    assignee_external_ids text[] not null,
    reviewer_external_ids text[] not null,
    labels text[] not null,
    milestone text,
    source_branch text,
    target_branch text,
    source_project_external_id text,
    is_fork boolean not null,
    head_sha text,
    merge_commit_sha text,
    squash_commit_sha text,
    created_at timestamptz not null,
    updated_at timestamptz,
    prepared_at timestamptz,
    merged_at timestamptz,
    closed_at timestamptz,
    url text,
    -- size, from the merge request's diffs
    additions bigint,
    deletions bigint,
    changed_files bigint,
    size_is_partial boolean,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index merge_requests_by_org on merge_requests (org_id, created_at desc, id desc);
create index merge_requests_merged on merge_requests (org_id, merged_at) where merged_at is not null;

create table merge_request_notes (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    merge_request_external_id text not null,
    author_external_id text,
    system boolean not null,
    event text,
    created_at timestamptz not null,
    updated_at timestamptz,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index merge_request_notes_by_merge_request on merge_request_notes (connection_id, merge_request_external_id);

create table merge_request_approvals (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    merge_request_external_id text not null,
    identity_external_id text not null,
    approved_at timestamptz,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index merge_request_approvals_by_merge_request on merge_request_approvals (connection_id, merge_request_external_id);

create table merge_request_commits (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    merge_request_external_id text not null,
    sha text not null,
    title text,
    author_name text,
    author_email text,
    authored_at timestamptz,
    committed_at timestamptz,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index merge_request_commits_by_merge_request on merge_request_commits (connection_id, merge_request_external_id);

create table pipelines (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    project_external_id text not null,
    number bigint,
    status text not null,
    trigger text,
    git_ref text,
    sha text,
    created_at timestamptz,
    updated_at timestamptz,
    url text,
    -- from the pipeline's own page
    identity_external_id text,
    started_at timestamptz,
    finished_at timestamptz,
    duration_seconds double precision,
    queued_seconds double precision,
    coverage double precision,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index pipelines_by_org on pipelines (org_id, created_at desc, id desc);
create index pipelines_finished on pipelines (org_id, (coalesce(finished_at, updated_at)));

create table jobs (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    project_external_id text not null,
    pipeline_external_id text,
    name text not null,
    stage text,
    status text not null,
    job_kind text not null,
    git_ref text,
    identity_external_id text,
    allow_failure boolean not null,
    created_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    duration_seconds double precision,
    queued_seconds double precision,
    url text,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index jobs_by_pipeline on jobs (connection_id, pipeline_external_id);

create table environments (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    project_external_id text not null,
    name text not null,
    tier text,
    state text,
    external_url text,
    created_at timestamptz,
    updated_at timestamptz,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);

create table deployments (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    project_external_id text not null,
    number bigint,
    status text not null,
    environment_external_id text,
    environment_name text,
    environment_tier text,
    git_ref text,
    sha text,
    identity_external_id text,
    created_at timestamptz not null,
    updated_at timestamptz,
    finished_at timestamptz,
    url text,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);
create index deployments_by_org on deployments (org_id, created_at desc, id desc);

create table releases (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    external_id text not null,
    project_external_id text not null,
    tag text not null,
    name text,
    upcoming boolean not null,
    author_external_id text,
    sha text,
    created_at timestamptz,
    released_at timestamptz,
    url text,
    ingested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    deleted_at timestamptz,
    unique (connection_id, external_id)
);

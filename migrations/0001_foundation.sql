-- Organisations, tokens, connections, runs, cursors and raw records. Every tenant row has org_id.

create table organisations (
    id uuid primary key,
    name text not null,
    -- raised by every matching run that changed who is who
    identity_epoch bigint not null default 0,
    created_at timestamptz not null default now()
);

create table api_tokens (
    id uuid primary key,
    org_id uuid not null references organisations (id),
    name text not null,
    -- SHA-256 of the token; the token itself is shown once and never stored
    token_hash bytea not null unique,
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    revoked_at timestamptz
);

create table connections (
    id uuid primary key,
    org_id uuid not null references organisations (id),
    source text not null,
    name text not null,
    base_url text not null,
    settings jsonb not null,
    -- AEAD ciphertext of the credentials JSON; credentials_key_id names the key
    credentials_sealed bytea not null,
    credentials_key_id text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
create unique index connections_name_unique on connections (org_id, name) where deleted_at is null;
create index connections_by_org on connections (org_id, created_at, id) where deleted_at is null;

create table runs (
    id uuid primary key,
    org_id uuid not null references organisations (id),
    kind text not null check (kind in ('sync', 'backfill', 'matching', 'kpi_rollup')),
    status text not null check (status in ('queued', 'running', 'waiting', 'paused', 'cancelling', 'succeeded', 'degraded', 'failed', 'cancelled', 'skipped')),
    connection_id uuid references connections (id),
    source text,
    -- who or what asked: token:<name>, run:<id>, schedule:<id>
    requested_by text not null,
    params jsonb not null default '{}',
    parent_run_id uuid references runs (id),
    retry_of uuid references runs (id),
    workflow_id text not null unique,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    ended_at timestamptz,
    waiting_until timestamptz,
    -- what a matching or rollup run found, by name
    result jsonb,
    error jsonb
);
create index runs_by_org on runs (org_id, created_at desc, id desc);
create index runs_by_connection on runs (connection_id, created_at desc) where connection_id is not null;
-- one ingest per connection
create unique index runs_one_ingest on runs (connection_id)
    where kind in ('sync', 'backfill') and status in ('queued', 'running', 'waiting', 'paused', 'cancelling');
create index runs_by_parent on runs (parent_run_id) where parent_run_id is not null;
create index runs_open on runs (status, created_at) where status in ('queued', 'running', 'waiting', 'paused', 'cancelling');

-- progress per stream of a run; the run's counts are the sums
create table run_streams (
    run_id uuid not null references runs (id) on delete cascade,
    org_id uuid not null references organisations (id),
    stream text not null,
    position int not null,
    status text not null default 'pending' check (status in ('pending', 'running', 'done', 'not_available')),
    fetched bigint not null default 0,
    inserted bigint not null default 0,
    updated bigint not null default 0,
    unchanged bigint not null default 0,
    deleted bigint not null default 0,
    dead_lettered bigint not null default 0,
    requests bigint not null default 0,
    total_hint bigint,
    note text,
    started_at timestamptz,
    ended_at timestamptz,
    primary key (run_id, stream)
);

-- append-only; SSE and Last-Event-ID are made of it
create table run_events (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    run_id uuid not null references runs (id) on delete cascade,
    at timestamptz not null default now(),
    kind text not null,
    data jsonb not null default '{}'
);
create index run_events_by_run on run_events (run_id, id);

-- who may ingest into a connection now; every page commit checks the fence
create table connection_leases (
    connection_id uuid primary key references connections (id) on delete cascade,
    org_id uuid not null references organisations (id),
    run_id uuid not null,
    fence bigint not null,
    expires_at timestamptz not null
);

create table stream_cursors (
    connection_id uuid not null references connections (id) on delete cascade,
    org_id uuid not null references organisations (id),
    stream text not null,
    partition text not null,
    cursor jsonb not null,
    watermark timestamptz,
    -- the run whose walk over this partition is complete; another run walks it again
    done_by_run uuid,
    updated_at timestamptz not null default now(),
    primary key (connection_id, stream, partition)
);

-- what the source sent, verbatim
create table raw_records (
    connection_id uuid not null references connections (id) on delete cascade,
    org_id uuid not null references organisations (id),
    stream text not null,
    external_id text not null,
    content_hash bytea not null,
    payload json not null,
    first_seen_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    run_id uuid not null,
    deleted_at timestamptz,
    primary key (connection_id, stream, external_id)
);
-- payloads are a few kilobytes: lz4 costs a third of the default's time; servers built without it keep the default
do $$ begin
    alter table raw_records alter column payload set compression lz4;
exception when others then null;
end $$;

-- detail requests still to be made, queued by the page commit that saw the change
create table detail_queue (
    id bigint generated always as identity,
    connection_id uuid not null references connections (id) on delete cascade,
    org_id uuid not null references organisations (id),
    stream text not null,
    external_id text not null,
    args jsonb not null,
    enqueued_at timestamptz not null default now(),
    -- slices in which the source could not serve the item although it served others
    attempts int not null default 0,
    primary key (connection_id, stream, external_id)
);
create index detail_queue_order on detail_queue (connection_id, stream, id);

create table dead_letters (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    run_id uuid not null,
    stream text not null,
    external_id text,
    payload text not null,
    payload_hash bytea not null,
    reason text not null,
    attempts int not null default 1,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    resolved_at timestamptz,
    unique (connection_id, stream, payload_hash)
);
create index dead_letters_by_org on dead_letters (org_id, id desc);

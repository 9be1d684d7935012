-- The sync engine: backfills, control, schedules, budgets, dead letters, deletions, audit. Every tenant row has org_id.

-- kinds of runs that keep the engine itself going: replay (dead letters or raw records read again), census (what vanished at the source),
-- retention and reconcile
alter table runs drop constraint runs_kind_check;
alter table runs add constraint runs_kind_check
    check (kind in ('sync', 'backfill', 'census', 'replay', 'matching', 'kpi_rollup', 'retention'));
alter table runs
    -- the same key twice gives the same run
    add column idempotency_key text,
    -- why it is paused: person, connection, kill_switch
    add column paused_by text,
    -- a graceful cancel that has not ended by then is terminated
    add column terminate_after timestamptz,
    -- what is wrong although it ended: [{"code","message","stream","partition"}]
    add column warnings jsonb not null default '[]';
create unique index runs_idempotency on runs (org_id, idempotency_key) where idempotency_key is not null;
-- one of each kind per connection; the lease keeps them from writing at the same time
drop index runs_one_ingest;
create unique index runs_one_ingest on runs (connection_id, kind)
    where kind in ('sync', 'backfill', 'census', 'replay') and status in ('queued', 'running', 'waiting', 'paused', 'cancelling');
create index runs_ended on runs (org_id, ended_at) where ended_at is not null;
-- a run outlives the one it follows or repeats
alter table runs drop constraint runs_parent_run_id_fkey, drop constraint runs_retry_of_fkey;
alter table runs
    add constraint runs_parent_run_id_fkey foreign key (parent_run_id) references runs (id) on delete set null,
    add constraint runs_retry_of_fkey foreign key (retry_of) references runs (id) on delete set null;
create index runs_by_retry on runs (retry_of) where retry_of is not null;

alter table run_streams drop constraint run_streams_status_check;
alter table run_streams add constraint run_streams_status_check
    check (status in ('pending', 'running', 'done', 'not_available', 'incomplete', 'stopped'));
-- every walk of it brings all rows, so that two runs can be compared
alter table run_streams add column complete boolean not null default false;

-- asked for by a backfill: live syncs leave these to it
alter table detail_queue add column background boolean not null default false;

-- partitions of a run that the source would not serve: the others go on without them
create table run_problems (
    run_id uuid not null references runs (id) on delete cascade,
    org_id uuid not null references organisations (id),
    stream text not null,
    partition text not null,
    error jsonb not null,
    -- rounds in which it failed
    rounds int not null default 1,
    given_up boolean not null default false,
    at timestamptz not null default now(),
    primary key (run_id, stream, partition)
);

-- a live run that wants the lease a backfill holds: the backfill gives way at its next page
alter table connection_leases add column wanted_by uuid;

alter table connections
    add column paused_at timestamptz,
    add column paused_by text,
    -- which budget its requests count against (source_budgets); null until a worker has opened it
    add column budget_key text;

-- what is known of a stream of a connection, over all its runs
create table stream_states (
    connection_id uuid not null references connections (id) on delete cascade,
    org_id uuid not null references organisations (id),
    stream text not null,
    backfill_status text not null default 'NOT_STARTED' check (backfill_status in ('NOT_STARTED', 'RUNNING', 'PAUSED', 'DONE', 'ERROR')),
    live_status text not null default 'RUNNING' check (live_status in ('RUNNING', 'PAUSED', 'ERROR')),
    last_success_at timestamptz,
    last_error_at timestamptz,
    last_error_code text,
    last_error_message text,
    items_ingested_total bigint not null default 0,
    -- what its connector said of it when a worker last opened it; null until then
    position int,
    natural_key text,
    windowed boolean,
    census boolean,
    primary key (connection_id, stream)
);

-- items written per hour, for "in the last 24 h"; retention keeps two days
create table stream_ingest_hours (
    connection_id uuid not null references connections (id) on delete cascade,
    org_id uuid not null references organisations (id),
    stream text not null,
    hour timestamptz not null,
    items bigint not null,
    primary key (connection_id, stream, hour)
);

-- a backfill's plan: windows of streams, in the order in which they are walked
create table backfill_windows (
    run_id uuid not null references runs (id) on delete cascade,
    org_id uuid not null references organisations (id),
    position int not null,
    stream text not null,
    -- half-open, UTC
    window_from timestamptz not null,
    window_to timestamptz not null,
    done_at timestamptz,
    primary key (run_id, position)
);

-- where a backfill stands in each partition of a window
create table backfill_cursors (
    run_id uuid not null references runs (id) on delete cascade,
    org_id uuid not null references organisations (id),
    position int not null,
    partition text not null,
    cursor jsonb not null,
    done boolean not null default false,
    primary key (run_id, position, partition)
);

-- who may be asked what and when: shared by every worker. endpoint '' is the whole source
create table source_budgets (
    budget_key text not null,
    endpoint text not null default '',
    not_before timestamptz,
    request_limit bigint,
    remaining bigint,
    reset_at timestamptz,
    updated_at timestamptz not null default now(),
    primary key (budget_key, endpoint)
);

-- an organisation's ceiling, in requests a minute over all its connections; null means none
alter table organisations
    add column requests_per_minute int check (requests_per_minute > 0),
    -- ended runs and their events are kept this long
    add column retention_days int not null default 90 check (retention_days >= 30);

create table org_request_minutes (
    org_id uuid not null references organisations (id),
    minute timestamptz not null,
    requests bigint not null,
    primary key (org_id, minute)
);

-- scheduled and background work of the organisation stops while this is on
create table kill_switches (
    org_id uuid primary key references organisations (id),
    engaged boolean not null,
    reason text,
    changed_by text not null,
    changed_at timestamptz not null default now()
);

-- what Temporal's schedules are made from
create table schedules (
    id uuid primary key,
    org_id uuid not null references organisations (id),
    -- null for the organisation's own
    connection_id uuid references connections (id) on delete cascade,
    kind text not null check (kind in ('sync', 'census', 'matching', 'kpi_rollup', 'retention')),
    -- one of the two
    interval_seconds bigint check (interval_seconds >= 10),
    cron text,
    time_zone text not null default 'UTC',
    jitter_seconds bigint not null default 0 check (jitter_seconds >= 0),
    overlap text not null default 'skip' check (overlap in ('skip', 'buffer_one', 'buffer_all', 'cancel_other', 'terminate_other', 'allow_all')),
    catch_up_seconds bigint not null default 60 check (catch_up_seconds >= 10),
    paused boolean not null default false,
    note text,
    -- what Temporal had after it was last told: another state there is drift
    applied text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((interval_seconds is null) <> (cron is null))
);
create unique index schedules_of_connection on schedules (connection_id, kind) where connection_id is not null;
create unique index schedules_of_org on schedules (org_id, kind) where connection_id is null;
create index runs_by_schedule on runs (requested_by, created_at desc) where requested_by like 'schedule:%';

-- dead letters can be replayed or dropped
alter table dead_letters
    add column partition text,
    add column status text not null default 'open' check (status in ('open', 'replayed', 'dropped')),
    add column resolved_by text,
    add column resolution text;
update dead_letters set status = 'replayed' where resolved_at is not null;
create index dead_letters_open on dead_letters (org_id, connection_id, stream, id) where status = 'open';
-- whether a newer letter is about the same item
create index dead_letters_by_item on dead_letters (connection_id, stream, external_id);
-- what retention looks for
create index dead_letters_resolved on dead_letters (org_id, resolved_at) where resolved_at is not null;

-- which partition's list a record came from: what vanished is looked for partition by partition, and raw records can be read again
alter table raw_records
    add column partition text,
    -- deleted at the source, or no longer visible to this token
    add column deletion text check (deletion in ('deleted', 'not_visible'));
do $$
declare name text;
begin
    -- records stored before this migration: their lists are per project
    foreach name in array array['issues', 'merge_requests', 'pipelines', 'jobs', 'environments', 'deployments', 'releases'] loop
        execute format(
            'update raw_records r set partition = d.project_external_id from %I d
             where r.stream = %L and d.connection_id = r.connection_id and d.external_id = r.external_id', name, name);
    end loop;
end $$;
create index raw_records_partition on raw_records (connection_id, stream, partition) where deleted_at is null;

-- ids a census has found so far
create table census_ids (
    run_id uuid not null references runs (id) on delete cascade,
    org_id uuid not null references organisations (id),
    stream text not null,
    partition text not null,
    external_id text not null,
    primary key (run_id, stream, partition, external_id)
);
create table census_cursors (
    run_id uuid not null references runs (id) on delete cascade,
    org_id uuid not null references organisations (id),
    stream text not null,
    partition text not null,
    cursor jsonb,
    -- every page was read; only then may anything be tombstoned
    enumerated boolean not null default false,
    -- what is missing has been written down
    compared boolean not null default false,
    -- nothing is left to do here
    swept boolean not null default false,
    primary key (run_id, stream, partition)
);
-- stored rows that a census did not find. partition '' is a whole stream
create table census_missing (
    run_id uuid not null references runs (id) on delete cascade,
    org_id uuid not null references organisations (id),
    stream text not null,
    partition text not null,
    external_id text not null,
    -- null until the source has been asked
    verdict text check (verdict in ('present', 'deleted', 'not_visible')),
    primary key (run_id, stream, partition, external_id)
);

-- what people did
create table audit_events (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    at timestamptz not null default now(),
    -- token:<name>
    actor text not null,
    -- connection.create, run.cancel, dead_letter.drop, kill_switch.set …
    action text not null,
    subject_kind text not null,
    subject_id text not null,
    data jsonb not null default '{}'
);
create index audit_events_by_org on audit_events (org_id, id desc);

-- run events of a whole organisation, in order
create index run_events_by_org on run_events (org_id, id);

-- What needs attention, whether the data can be trusted, and the reports about both. Every tenant row has org_id.

alter table runs drop constraint runs_kind_check;
alter table runs add constraint runs_kind_check
    check (kind in ('sync', 'backfill', 'census', 'replay', 'matching', 'kpi_rollup', 'retention', 'quality', 'report'));

alter table schedules drop constraint schedules_kind_check;
alter table schedules add constraint schedules_kind_check
    check (kind in ('sync', 'census', 'matching', 'kpi_rollup', 'retention', 'quality', 'report'));

-- one row for one thing that needs attention for one reason, however often it is seen
create table risk_items (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    kind text not null check (kind in ('stale_merge_request', 'ageing_work_item', 'failing_pipelines', 'release_at_risk', 'review_load',
        'no_production_deployment')),
    -- what it is about: a row of ours
    subject_table text not null check (subject_table in ('merge_requests', 'work_items', 'projects', 'versions', 'people', 'identities')),
    subject_id text not null,
    severity text not null check (severity in ('high', 'medium', 'low')),
    -- what is the matter, as a sentence
    summary text not null,
    -- the figures it follows from, as {"days":…,"row_ids":[…]}
    evidence jsonb not null,
    connection_id uuid references connections (id) on delete cascade,
    project_external_id text,
    title text,
    url text,
    -- who could do something about it
    owner_person_id uuid references people (id) on delete set null,
    owner_identity_id uuid references identities (id) on delete set null,
    -- muted: a person knows and leaves it so; resolved: its cause is gone
    status text not null default 'open' check (status in ('open', 'muted', 'resolved')),
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    first_run_id uuid not null,
    last_run_id uuid not null,
    muted_at timestamptz,
    muted_by text,
    mute_reason text,
    -- null: until somebody takes it back
    muted_until timestamptz,
    resolved_at timestamptz,
    -- it was resolved and came back, or its mute ran out
    reopened_at timestamptz,
    unique (org_id, kind, subject_table, subject_id)
) with (fillfactor = 80);
create index risk_items_by_status on risk_items (org_id, status, id);
create index risk_items_by_owner on risk_items (owner_person_id) where owner_person_id is not null;
create index risk_items_by_identity on risk_items (owner_identity_id) where owner_identity_id is not null;
create index risk_items_by_connection on risk_items (connection_id) where connection_id is not null;

-- what each check came to, run by run
create table quality_results (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    -- a key of the registry in domain/src/quality.rs
    check_key text not null,
    connection_id uuid not null references connections (id) on delete cascade,
    -- the stream of freshness, else the table
    scope text not null,
    -- the table whose figures it is about
    subject_table text not null,
    status text not null check (status in ('pass', 'warn', 'fail')),
    value double precision not null,
    unit text not null,
    -- beyond it: warn, and fail
    warn_beyond double precision not null,
    fail_beyond double precision not null,
    -- rows that were looked at, and some of those that are wrong
    row_count bigint,
    sample_row_ids bigint[] not null default '{}',
    -- what was found, as a sentence
    detail text not null,
    checked_at timestamptz not null,
    run_id uuid not null,
    unique (run_id, check_key, connection_id, scope)
);
create index quality_results_by_org on quality_results (org_id, checked_at desc, id desc);
create index quality_results_by_check on quality_results (org_id, check_key, id desc);
create index quality_results_by_connection on quality_results (connection_id);

-- digests of a day or a week; one per period, and what was written stays
create table reports (
    id uuid primary key,
    org_id uuid not null references organisations (id),
    kind text not null check (kind in ('daily', 'weekly')),
    -- half-open, UTC
    period_start timestamptz not null,
    period_end timestamptz not null,
    title text not null,
    markdown text not null,
    html text not null,
    created_at timestamptz not null default now(),
    -- the run that wrote it
    run_id uuid not null,
    unique (org_id, kind, period_start)
);
create index reports_by_org on reports (org_id, period_start desc, id desc);

-- where reports are sent
create table report_destinations (
    id uuid primary key,
    org_id uuid not null references organisations (id),
    kind text not null check (kind in ('webhook', 'email')),
    name text not null,
    -- which reports it gets
    report_kinds text[] not null,
    -- of a webhook: its secret is sealed as credentials are, for this purpose
    url text,
    secret_sealed bytea,
    secret_key_id text,
    -- of e-mail
    recipients text[] not null default '{}',
    created_at timestamptz not null default now(),
    created_by text not null,
    deleted_at timestamptz,
    check (deleted_at is not null or kind <> 'webhook' or (url is not null and secret_sealed is not null and secret_key_id is not null)),
    check (deleted_at is not null or kind <> 'email' or recipients <> '{}')
);
create unique index report_destinations_name on report_destinations (org_id, name) where deleted_at is null;

-- one row for one report and one destination, written with the report: what is in here is not lost. The id is the delivery's idempotency key
create table outbox (
    id uuid primary key,
    org_id uuid not null references organisations (id),
    report_id uuid not null references reports (id) on delete cascade,
    destination_id uuid not null references report_destinations (id) on delete cascade,
    -- failed: refused for good, or given up after the last attempt
    status text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
    attempts int not null default 0,
    next_attempt_at timestamptz not null default now(),
    -- never holds a secret
    last_error text,
    created_at timestamptz not null default now(),
    delivered_at timestamptz,
    unique (report_id, destination_id)
);
create index outbox_due on outbox (org_id, next_attempt_at) where status = 'pending';
create index outbox_by_org on outbox (org_id, created_at desc, id desc);
create index outbox_by_destination on outbox (destination_id);

-- KPIs of every scope and window, what changed them, how far the rollup has come, and what an organisation has set for them.

-- Every window of every scope has its own row where there is data; where there is none there is no row.
alter table kpi_snapshots drop constraint kpi_snapshots_scope_kind_check;
alter table kpi_snapshots
    add constraint kpi_snapshots_scope_kind_check check (scope_kind in ('organisation', 'team', 'project', 'repository', 'person')),
    -- null: the rows are those of the scope's days within the window
    alter column row_ids drop not null,
    alter column row_ids drop default,
    -- what each row adds, parallel to row_ids; null where rows have no figure of their own
    add column row_values double precision[],
    add column row_count int not null default 0,
    -- of everything a reader is shown: what has the same hash is not written again
    add column content_hash bigint not null default 0,
    -- the oldest last successful sync among the connections it was computed from; null: a connection was never synced
    add column inputs_at timestamptz;
update kpi_snapshots set row_count = cardinality(row_ids);
comment on column kpi_snapshots.scope_id is
    'Empty for the organisation, {connection_id}:{project external id} for projects and repositories, the id of the team or person.';
comment on column kpi_snapshots.window_start is 'Midnight in the organisation''s time zone, as is window_end; half-open.';

-- one key that also serves the newest value and a series of one scope
alter table kpi_snapshots drop constraint kpi_snapshots_org_id_metric_scope_kind_scope_id_window_kind_key;
drop index kpi_snapshots_latest;
create unique index kpi_snapshots_key
    on kpi_snapshots (org_id, scope_kind, scope_id, window_kind, metric, window_start, definition_version);
-- what a rollup compares with: everything of a window
create index kpi_snapshots_by_window on kpi_snapshots (org_id, window_kind, window_start);

-- The rows of a snapshot: its own, or those of its days.
create function kpi_rows(of_org uuid, of_snapshot bigint) returns table (row_id bigint, row_value double precision, day timestamptz)
language sql stable parallel safe as $$
    select r.id, r.value, s.window_start
    from kpi_snapshots s
    cross join lateral unnest(s.row_ids, coalesce(s.row_values, '{}')) as r (id, value)
    where s.org_id = of_org and s.id = of_snapshot and s.row_ids is not null
    union all
    select r.id, r.value, d.window_start
    from kpi_snapshots s
    join kpi_snapshots d
        on d.org_id = s.org_id and d.scope_kind = s.scope_kind and d.scope_id = s.scope_id and d.window_kind = 'day' and d.metric = s.metric
        and d.definition_version = s.definition_version and d.window_start >= s.window_start and d.window_start < s.window_end
    cross join lateral unnest(d.row_ids, coalesce(d.row_values, '{}')) as r (id, value)
    where s.org_id = of_org and s.id = of_snapshot and s.row_ids is null
$$;

-- A number that was told and is another now. What grows while its window goes on is no change; what a decision, a definition, a setting
-- or a late row did to it is.
create table kpi_changes (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    at timestamptz not null default now(),
    run_id uuid not null,
    metric text not null,
    scope_kind text not null,
    scope_id text not null,
    window_kind text not null,
    window_start timestamptz not null,
    window_end timestamptz not null,
    definition_version int not null,
    unit text not null,
    -- null: no data
    before double precision,
    after double precision,
    rows_before int not null,
    rows_after int not null,
    -- the strongest of the causes that touched the window; all of them are in causes
    cause text not null check (cause in ('settings', 'definition', 'decision', 'late_row')),
    decision_id bigint,
    -- [{"kind","decision_id"?,"from_version"?,"to_version"?,"rows"?}]
    causes jsonb not null
);
create index kpi_changes_by_org on kpi_changes (org_id, id desc);
create index kpi_changes_by_metric on kpi_changes (org_id, metric, id desc);
create index kpi_changes_by_decision on kpi_changes (org_id, decision_id, id desc) where decision_id is not null;

-- How far an organisation's figures are. The fence is raised by every attempt that begins; one that wakes up late has an old one and stores nothing.
create table kpi_rollup_state (
    org_id uuid primary key references organisations (id),
    fence bigint not null default 0,
    -- rows whose changed_at is later are not in the figures yet; null: nothing was rolled up
    watermark timestamptz,
    -- the moment the figures are for
    as_of timestamptz,
    -- highest changed_people.id that is in the figures
    changed_people_id bigint not null default 0,
    identity_epoch bigint not null default 0,
    settings_version int not null default 0,
    -- {"metric": version}
    definitions jsonb not null default '{}',
    -- live connections, teams' memberships and such, as a hash: whatever changes it changes everything
    basis text not null default '',
    -- first day with a figure
    first_day date,
    run_id uuid,
    finished_at timestamptz
);

-- Slices a run has stored: an attempt that takes over goes on behind them.
create table kpi_rollup_slices (
    run_id uuid not null references runs (id) on delete cascade,
    org_id uuid not null references organisations (id),
    -- first and last window
    slice text not null,
    windows int not null,
    snapshots bigint not null,
    written bigint not null,
    changes bigint not null,
    -- what the slice's attempt had read: the run as a whole is as old as its oldest slice
    watermark timestamptz not null,
    changed_people_id bigint not null,
    at timestamptz not null default now(),
    primary key (run_id, slice)
);

-- What an organisation has set, each version once; the highest is in force. None: as shipped, version 0.
create table kpi_settings (
    org_id uuid not null references organisations (id),
    version int not null check (version > 0),
    settings jsonb not null,
    -- figures of single people: off unless the organisation turns them on
    person_level boolean not null default false,
    created_by text not null,
    created_at timestamptz not null default now(),
    primary key (org_id, version)
);

-- Which deployment an incident is held to come from. Rules say so; a person may overrule them.
create table kpi_incident_overrides (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    incident_table text not null check (incident_table in ('work_items', 'issues')),
    incident_id bigint not null,
    -- deployments.id; null: none of them
    deployment_id bigint,
    reason text,
    created_by text not null,
    created_at timestamptz not null default now(),
    -- taken back or replaced
    ended_at timestamptz
);
create unique index kpi_incident_overrides_current on kpi_incident_overrides (org_id, incident_table, incident_id) where ended_at is null;
create table kpi_incident_attributions (
    org_id uuid not null references organisations (id),
    incident_table text not null check (incident_table in ('work_items', 'issues')),
    incident_id bigint not null,
    deployment_id bigint,
    -- the rule that said so, or override
    rule text not null,
    -- 0 to 1
    confidence double precision not null,
    computed_at timestamptz not null default now(),
    primary key (org_id, incident_table, incident_id)
);
create index kpi_incident_attributions_by_deployment on kpi_incident_attributions (org_id, deployment_id) where deployment_id is not null;

-- whether a token may see figures of single people, where the organisation has them
alter table api_tokens add column may_see_people boolean not null default false;

-- what changed since a moment, in tables whose rows lie about in the order they came
create index merge_requests_changed on merge_requests using brin (changed_at);
create index merge_request_notes_changed on merge_request_notes using brin (changed_at);
create index merge_request_approvals_changed on merge_request_approvals using brin (changed_at);
create index merge_request_commits_changed on merge_request_commits using brin (changed_at);
create index pipelines_changed on pipelines using brin (changed_at);
create index deployments_changed on deployments using brin (changed_at);
create index work_items_changed_lately on work_items using brin (changed_at);
create index work_item_changes_changed on work_item_changes using brin (changed_at);

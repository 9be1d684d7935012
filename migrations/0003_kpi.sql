-- KPI snapshots: one number for one metric, scope and window, with what produced it.

create table kpi_snapshots (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    metric text not null,
    definition_version int not null,
    -- organisation or project
    scope_kind text not null check (scope_kind in ('organisation', 'project')),
    -- '' for the organisation, else '{connection_id}:{project external id}'
    scope_id text not null default '',
    -- trailing_30_days, week, month
    window_kind text not null,
    -- half-open, UTC
    window_start timestamptz not null,
    window_end timestamptz not null,
    -- null means no data; never 0 for that
    value double precision,
    unit text not null,
    -- further figures, as {"p75":…,"p90":…,"numerator":…,"denominator":…}
    stats jsonb not null default '{}',
    -- what was counted and what was left out, as {"rows":…,"excluded_bots":…}
    coverage jsonb not null default '{}',
    -- table the row ids are of
    row_table text not null,
    row_ids bigint[] not null default '{}',
    identity_epoch bigint not null,
    computed_at timestamptz not null default now(),
    run_id uuid not null,
    unique (org_id, metric, scope_kind, scope_id, window_kind, window_start, definition_version)
);
create index kpi_snapshots_latest on kpi_snapshots (org_id, scope_kind, scope_id, window_kind, metric, window_start desc);

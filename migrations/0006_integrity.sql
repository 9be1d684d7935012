-- Whether work items hold together: which release each goes out with, and what is wrong with them. Both are worked out from the rows of
-- 0005 after each sync (docs/integrity.md) and refer to them by external id within one connection, as those do to each other.

alter table work_items
    -- an anomaly of it is open
    add column needs_review boolean not null default false;
create index work_items_needing_review on work_items (org_id, created_at desc, id desc) where needs_review;
-- the ways a pass goes through them: what has changed since the last one, and all of one project
create index work_items_changed on work_items (connection_id, changed_at, id);
create index work_items_in_project on work_items (connection_id, project_external_id, id);

-- the release a work item goes out with; no row for one that names none and need not
create table release_memberships (
    connection_id uuid not null references connections (id) on delete cascade,
    org_id uuid not null references organisations (id),
    work_item_external_id text not null,
    -- null where none could be chosen
    version_external_id text,
    -- what chose it
    rule text not null check (rule in ('fix_version', 'earliest_fix_version', 'fix_version_tie', 'fix_version_over_label',
        'label', 'earliest_label', 'label_tie', 'unknown_version', 'none')),
    -- versions that were to choose from
    candidates text[] not null,
    -- it ought to be in a release
    expected boolean not null,
    unambiguous boolean not null,
    changed_at timestamptz not null default now(),
    primary key (connection_id, work_item_external_id)
);
create index release_memberships_by_version on release_memberships (connection_id, version_external_id) where version_external_id is not null;
create index release_memberships_expected on release_memberships (org_id, connection_id, unambiguous) where expected;

-- one row for one rule that one thing breaks, however often it is seen
create table anomalies (
    id bigint generated always as identity primary key,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    rule text not null check (rule in ('orphan_parent', 'type_mismatch', 'release_missing', 'release_conflict', 'done_without_resolution',
        'resolved_but_open', 'dates_out_of_order', 'sprint_overlap')),
    severity text not null check (severity in ('error', 'warning', 'info')),
    -- what is wrong
    subject_table text not null check (subject_table in ('work_items', 'versions', 'sprints')),
    external_id text not null,
    explanation text not null,
    -- acknowledged: a person knows and leaves it so; resolved: it is not there any more
    status text not null default 'open' check (status in ('open', 'acknowledged', 'resolved')),
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    first_run_id uuid not null,
    last_run_id uuid not null,
    acknowledged_at timestamptz,
    acknowledged_by text,
    note text,
    resolved_at timestamptz,
    -- it was resolved and came back, or a person took an acknowledgement back
    reopened_at timestamptz,
    unique (connection_id, rule, subject_table, external_id)
-- room for last_seen_at to move within the page
) with (fillfactor = 80);
create index anomalies_by_org on anomalies (org_id, id desc);
create index anomalies_by_status on anomalies (org_id, status, id desc);
create index anomalies_by_subject on anomalies (connection_id, subject_table, external_id) where status <> 'resolved';
create index anomalies_unresolved on anomalies (connection_id, id) where status <> 'resolved';
create index anomalies_resolved on anomalies (org_id, resolved_at) where status = 'resolved';

-- how far the checks of a run have come, and what they found
create table integrity_passes (
    run_id uuid primary key references runs (id) on delete cascade,
    org_id uuid not null references organisations (id),
    connection_id uuid not null references connections (id) on delete cascade,
    -- the rules' version and the settings they depend on
    basis text not null,
    began_at timestamptz not null default now(),
    -- rows that changed since then are looked at, and what depends on them; null: all
    since timestamptz,
    -- when the last pass over everything began, this one included
    full_began_at timestamptz not null,
    step text not null default 'items' check (step in ('items', 'projects', 'sprint_items', 'versions', 'sprints', 'rest', 'figures')),
    -- where within the step
    cursor jsonb,
    checked bigint not null default 0,
    opened bigint not null default 0,
    reopened bigint not null default 0,
    resolved bigint not null default 0,
    finished_at timestamptz
);
create index integrity_passes_finished on integrity_passes (connection_id, began_at desc) where finished_at is not null;

-- rows of the stream that break a rule, when the run had checked them
alter table run_streams add column flagged bigint not null default 0;

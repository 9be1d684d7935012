-- When and where accounts are at work, as evidence for matching; and lists of links that hold no more.
-- The previous binary reads and writes none of it.

-- What an account did in the year before it was read: counts by hour of the day (UTC), and where. Accounts with little are left out.
create table account_activity (
    identity_id uuid primary key references identities (id) on delete cascade,
    org_id uuid not null references organisations (id),
    hours int[] not null check (cardinality(hours) = 24),
    -- <connection>/<project>, and the same of trackers' projects that the project's merge requests name; ascending
    projects text[] not null
);
create index account_activity_by_org on account_activity (org_id);

-- When an organisation's activity was read last: it is read from all rows of a year, so once a day is enough.
create table account_activity_reads (
    org_id uuid primary key references organisations (id),
    read_at timestamptz not null
);

-- links that hold no more (rejected, superseded), by confidence and by age
create index person_identity_links_past_by_confidence on person_identity_links (org_id, status, confidence, id)
    where status in ('rejected', 'superseded');
create index person_identity_links_past_by_age on person_identity_links (org_id, status, created_at, id)
    where status in ('rejected', 'superseded');

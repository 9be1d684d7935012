-- What rollups need to know of rows as they were, and causes of changes that can be told apart.

-- Kinds of environments are changed seldom, other columns of theirs with every deployment.
alter table environments add column tier_changed_at timestamptz not null default now();
comment on column environments.tier_changed_at is 'When tier became what it is; its deployments count from then on as what it says.';
create function environments_tier_changed() returns trigger language plpgsql as $$
begin
    new.tier_changed_at := case when new.tier is distinct from old.tier then now() else old.tier_changed_at end;
    return new;
end $$;
create trigger environments_tier_changed before update on environments
    for each row execute function environments_tier_changed();

-- A start that is taken away, or put off, was one that figures were computed with.
alter table versions add column earliest_start_on date;
update versions set earliest_start_on = start_on;
comment on column versions.earliest_start_on is 'The earliest day that start_on ever was.';
create function versions_earliest_start() returns trigger language plpgsql as $$
begin
    new.earliest_start_on := least(new.start_on, case when tg_op = 'UPDATE' then least(old.earliest_start_on, old.start_on) end);
    return new;
end $$;
create trigger versions_earliest_start before insert or update on versions
    for each row execute function versions_earliest_start();

-- which merge requests a deployment's commit is of, and the other way round
create index merge_requests_by_merge_commit on merge_requests (connection_id, merge_commit_sha) where merge_commit_sha is not null;
create index merge_requests_by_squash_commit on merge_requests (connection_id, squash_commit_sha) where squash_commit_sha is not null;
create index merge_requests_by_head on merge_requests (connection_id, head_sha)
    where merged_at is not null and merge_commit_sha is null and squash_commit_sha is null;
create index deployments_by_sha on deployments (connection_id, sha) where sha is not null;
create index deployments_by_project on deployments (connection_id, project_external_id, created_at);
create index deployments_by_environment on deployments (connection_id, environment_external_id) where environment_external_id is not null;
-- those that may name an issue of their project
create index merge_requests_naming on merge_requests (connection_id, project_external_id) where title like '%#%' or source_branch ~ '^[0-9]+-';
create index references_found_changed on references_found using brin (changed_at);

-- A person's word on an incident is a cause of its own.
alter table kpi_changes drop constraint kpi_changes_cause_check;
alter table kpi_changes
    add constraint kpi_changes_cause_check check (cause in ('settings', 'definition', 'decision', 'override', 'late_row'));
create index kpi_changes_by_cause on kpi_changes using gin (causes jsonb_path_ops);

-- The oldest last successful sync among the connections when the figures were made; null: a connection was never synced.
alter table kpi_rollup_state add column inputs_at timestamptz;
comment on column kpi_rollup_slices.slice is 'First and last window, and a hash of what they were computed with.';

-- How many people a team had in a window, bots and those without any account of a source aside. Windows begin and end at midnights in the
-- organisation's time zone: half a day within them is the same date nearly everywhere.
create function kpi_team_members(of_org uuid, of_team uuid, from_at timestamptz, to_at timestamptz) returns bigint
language sql stable parallel safe as $$
    select count(distinct m.person_id)
    from team_memberships m
    join people p on p.id = m.person_id and not p.is_bot and p.retired_at is null
    where m.org_id = of_org and m.team_id = of_team
        and m.from_date <= ((to_at - interval '12 hours') at time zone 'UTC')::date
        and (m.until_date is null or m.until_date > ((from_at + interval '12 hours') at time zone 'UTC')::date)
        and exists (
            select from person_identity_links l where l.person_id = m.person_id and l.status in ('auto', 'confirmed')
        )
$$;

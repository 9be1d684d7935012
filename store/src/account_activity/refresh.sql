-- Counts of what accounts did since $2, one pass over each table. Commits are those of accounts of the same connection by their address;
-- what a schedule started was started by nobody.
with acted as (
    select connection_id, author_external_id as account, project_external_id as project,
        extract(hour from created_at at time zone 'UTC')::int as hour, count(*) as n
    from merge_requests
    where org_id = $1 and deleted_at is null and author_external_id is not null and created_at >= $2
    group by 1, 2, 3, 4
    union all
    select n.connection_id, n.author_external_id, m.project_external_id, extract(hour from n.created_at at time zone 'UTC')::int, count(*)
    from merge_request_notes n
    join merge_requests m on m.connection_id = n.connection_id and m.external_id = n.merge_request_external_id
    where n.org_id = $1 and n.deleted_at is null and n.author_external_id is not null and n.created_at >= $2
    group by 1, 2, 3, 4
    union all
    select c.connection_id, i.external_id, m.project_external_id, extract(hour from c.authored_at at time zone 'UTC')::int, count(*)
    from merge_request_commits c
    join merge_requests m on m.connection_id = c.connection_id and m.external_id = c.merge_request_external_id
    join identities i on i.connection_id = c.connection_id and lower(i.email) = lower(c.author_email) and i.deleted_at is null
    where c.org_id = $1 and c.deleted_at is null and c.authored_at >= $2
    group by 1, 2, 3, 4
    union all
    select connection_id, identity_external_id, project_external_id, extract(hour from created_at at time zone 'UTC')::int, count(*)
    from pipelines
    where org_id = $1 and deleted_at is null and identity_external_id is not null and created_at >= $2
        and trigger is distinct from 'schedule'
    group by 1, 2, 3, 4
    union all
    select c.connection_id, c.author_external_id, w.project_external_id, extract(hour from c.created_at at time zone 'UTC')::int, count(*)
    from work_item_changes c
    join work_items w on w.connection_id = c.connection_id and w.external_id = c.work_item_external_id
    where c.org_id = $1 and c.deleted_at is null and c.author_external_id is not null and c.created_at >= $2
    group by 1, 2, 3, 4
),
-- trackers' projects that a project's merge requests name, not only once or twice
named as (
    select m.connection_id, m.project_external_id as project, w.connection_id || '/' || w.project_external_id as name
    from references_found f
    join merge_requests m on m.connection_id = f.connection_id and m.external_id = f.from_external_id and m.deleted_at is null
    join work_items w on w.org_id = $1 and w.key = any(f.keys) and w.deleted_at is null
    where f.org_id = $1 and f.from_table = 'merge_requests' and f.deleted_at is null and m.created_at >= $2
    group by 1, 2, 3
    having count(distinct m.external_id) >= 3
),
by_hour as (
    select connection_id, account, hour, sum(n) as n from acted group by 1, 2, 3
),
-- less says nothing
busy as (
    select connection_id, account from acted group by 1, 2 having sum(n) >= 20
),
hours as (
    select b.connection_id, b.account, array_agg(least(coalesce(n.n, 0), 100000)::int order by h.hour) as hours
    from busy b
    cross join generate_series(0, 23) as h (hour)
    left join by_hour n on n.connection_id = b.connection_id and n.account = b.account and n.hour = h.hour
    group by 1, 2
),
-- of each account the projects in which it does most, ten at most
places as (
    select connection_id, account, project from (
        select a.connection_id, a.account, a.project,
            row_number() over (partition by a.connection_id, a.account order by sum(a.n) desc, a.project) as place
        from acted a join busy h on h.connection_id = a.connection_id and h.account = a.account
        group by a.connection_id, a.account, a.project
    ) ranked where place <= 10
),
projects as (
    select connection_id, account, array_agg(distinct name order by name) as projects from (
        select connection_id, account, connection_id || '/' || project as name from places
        union
        select p.connection_id, p.account, n.name from places p join named n on n.connection_id = p.connection_id and n.project = p.project
    ) names group by 1, 2
),
found as (
    select i.id as identity_id, h.hours, p.projects
    from hours h
    join projects p on p.connection_id = h.connection_id and p.account = h.account
    join identities i on i.connection_id = h.connection_id and i.external_id = h.account and i.org_id = $1 and i.deleted_at is null
),
gone as (
    delete from account_activity a where a.org_id = $1 and not exists (select from found f where f.identity_id = a.identity_id)
)
insert into account_activity (identity_id, org_id, hours, projects)
select identity_id, $1, hours, projects from found
on conflict (identity_id) do update set hours = excluded.hours, projects = excluded.projects
where (account_activity.hours, account_activity.projects) is distinct from (excluded.hours, excluded.projects)

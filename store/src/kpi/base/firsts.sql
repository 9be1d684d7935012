-- the first of the rows that count: of each project, of each account, and within memberships
with recursive of_project as (
    (select connection_id, project_external_id as id, created_at from :rows:
     where org_id = $1 and deleted_at is null and :counts: order by connection_id, project_external_id, created_at limit 1)
    union all
    -- from one project to the next, and to the first row of each
    select n.* from of_project p cross join lateral (
        select m.connection_id, m.project_external_id, m.created_at from :rows: m
        where m.org_id = $1 and m.deleted_at is null and :counts: and (m.connection_id, m.project_external_id) > (p.connection_id, p.id)
        order by m.connection_id, m.project_external_id, m.created_at limit 1
    ) n
),
of_account as (
    (select connection_id, :who: as id, created_at from :rows:
     where org_id = $1 and deleted_at is null and :counts: and :who: is not null
     order by connection_id, :who:, created_at limit 1)
    union all
    select n.* from of_account p cross join lateral (
        select m.connection_id, m.:who:, m.created_at from :rows: m
        where m.org_id = $1 and m.deleted_at is null and :counts: and m.:who: is not null
            and (m.connection_id, m.:who:) > (p.connection_id, p.id)
        order by m.connection_id, m.:who:, m.created_at limit 1
    ) n
)
select 'project' as of, connection_id, id, created_at as at, 0::bigint as membership from of_project
union all
select 'account', connection_id, id, created_at, 0 from of_account
union all
-- within each membership of the person behind an account
select 'membership', k.connection_id, k.id, m.created_at, k.n
from unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bigint[]) k (connection_id, id, since, until, n)
cross join lateral (
    select m.created_at from :rows: m
    where m.org_id = $1 and m.deleted_at is null and :counts: and m.connection_id = k.connection_id and m.:who: = k.id
        and m.created_at >= k.since and m.created_at < k.until
    order by m.created_at limit 1
) m

-- rows created in each of the last five weeks, the newest first; a week without rows is a week
with created as (
    select connection_id, 'merge_requests' as subject_table, created_at from merge_requests
    where org_id = $1 and deleted_at is null and created_at > $2::timestamptz - interval '35 days' and created_at <= $2::timestamptz
    union all
    select connection_id, 'pipelines', created_at from pipelines
    where org_id = $1 and deleted_at is null and created_at > $2::timestamptz - interval '35 days' and created_at <= $2::timestamptz
    union all
    select connection_id, 'deployments', created_at from deployments
    where org_id = $1 and deleted_at is null and created_at > $2::timestamptz - interval '35 days' and created_at <= $2::timestamptz
    union all
    select connection_id, 'work_items', created_at from work_items
    where org_id = $1 and deleted_at is null and created_at > $2::timestamptz - interval '35 days' and created_at <= $2::timestamptz
)
select
    r.connection_id as "connection_id!", c.name as "connection_name!", r.subject_table as "subject_table!",
    array[
        count(*) filter (where r.created_at > $2::timestamptz - interval '7 days'),
        count(*) filter (where r.created_at <= $2::timestamptz - interval '7 days' and r.created_at > $2::timestamptz - interval '14 days'),
        count(*) filter (where r.created_at <= $2::timestamptz - interval '14 days' and r.created_at > $2::timestamptz - interval '21 days'),
        count(*) filter (where r.created_at <= $2::timestamptz - interval '21 days' and r.created_at > $2::timestamptz - interval '28 days'),
        count(*) filter (where r.created_at <= $2::timestamptz - interval '28 days')
    ] as "weeks!"
from created r
join connections c on c.id = r.connection_id and c.deleted_at is null
group by r.connection_id, c.name, r.subject_table
order by r.connection_id, r.subject_table

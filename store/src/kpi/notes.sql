-- the streams figures are read from, and what the newest checks have against the data
select
    c.id as connection_id, c.name as connection_name, c.source, s.stream, s.last_success_at, c.created_at, h.interval_seconds, h.cron, h.time_zone,
    null as check_key, null as status, null as subject_table, null as detail, null::timestamptz as since, null::timestamptz as checked_at
from connections c
left join stream_states s on s.connection_id = c.id and (s.last_success_at is not null or s.last_error_at is not null)
left join schedules h on h.connection_id = c.id and h.kind = 'sync'
-- what the last run that asked was told, of those that may be late
left join lateral (
    select r.status from run_streams r join runs u on u.id = r.run_id
    where coalesce(s.last_success_at, '-infinity') < now() - interval '1 hour'
        and u.connection_id = c.id and u.kind = 'sync' and r.stream = s.stream
    order by u.created_at desc limit 1
) last on true
where c.org_id = $1 and c.deleted_at is null and last.status is distinct from 'not_available'
union all
select
    q.connection_id, c.name, c.source, null, null, c.created_at, null, null, null,
    q.check_key, q.status, q.subject_table, q.detail, q.since, q.checked_at
from quality_results q
join connections c on c.id = q.connection_id and c.deleted_at is null
where q.org_id = $1 and q.status <> 'pass'
    and q.run_id = (select n.run_id from quality_results n where n.org_id = $1 order by n.checked_at desc, n.id desc limit 1)
order by 1, 4, 10

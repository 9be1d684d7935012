select
    s.connection_id, c.name as connection_name, c.source, s.stream, s.last_success_at, c.created_at, h.interval_seconds as "interval_seconds?",
    h.cron as "cron?", h.time_zone as "time_zone?"
from stream_states s
join connections c on c.id = s.connection_id and c.deleted_at is null
left join schedules h on h.connection_id = c.id and h.kind = 'sync'
-- what the last run that asked was told
left join lateral (
    select r.status from run_streams r join runs u on u.id = r.run_id
    where u.connection_id = s.connection_id and u.kind = 'sync' and r.stream = s.stream
    order by u.created_at desc limit 1
) last on true
where s.org_id = $1
    -- what was read once and is refused now gets old; what never was is not offered
    and (s.last_success_at is not null or s.last_error_at is not null and last.status is distinct from 'not_available')
order by s.connection_id, s.stream

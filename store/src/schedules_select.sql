select
    s.id, s.org_id, s.connection_id, s.kind, s.interval_seconds, s.cron, s.time_zone, s.jitter_seconds, s.overlap, s.catch_up_seconds,
    s.paused, s.note, s.period, s.applied, s.created_at, s.updated_at, c.name as "connection_name?", c.source as "source?"
from schedules s
left join connections c on c.id = s.connection_id
where c.deleted_at is null
    -- null only for the reconciler
    and ($1::uuid is null or s.org_id = $1)
    and ($2::uuid is null or s.id = $2)
    and ($3::text is null or (s.kind = $3 and s.connection_id is not distinct from $4::uuid))
    and ($5::uuid is null or s.id > $5)
order by s.id
limit $6

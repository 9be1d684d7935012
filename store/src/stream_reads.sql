select
    names.stream as "stream!",
    coalesce(s.backfill_status, 'NOT_STARTED') as "backfill_status!",
    case when c.paused_at is not null then 'PAUSED' else coalesce(s.live_status, 'RUNNING') end as "live_status!",
    s.last_success_at as "last_success_at?",
    s.last_error_at as "last_error_at?",
    s.last_error_code as "last_error_code?",
    s.last_error_message as "last_error_message?",
    coalesce(s.items_ingested_total, 0) as "items_ingested_total!",
    coalesce(day.items, 0)::bigint as "items_ingested_last_24h!",
    s.natural_key as "natural_key?",
    s.windowed as "windowed?",
    s.census as "census?",
    cursors.partitions as "partitions!",
    cursors.watermark as "watermark?",
    cursors.updated_at as "cursor_updated_at?",
    -- counts are for people: what is more than they can use is not counted
    (
        select count(*) from (select from detail_queue q where q.connection_id = $2 and q.stream = names.stream limit $3) q
    ) as "details_queued!",
    (
        select count(*)
        from (
            select from dead_letters d
            where d.org_id = $1 and d.connection_id = $2 and d.stream = names.stream and d.status = 'open' limit $3
        ) d
    ) as "dead_letters_open!"
from connections c
cross join lateral (
    select stream from stream_states where org_id = $1 and connection_id = $2
    union
    select stream from stream_cursors where org_id = $1 and connection_id = $2
) names
left join stream_states s on s.org_id = $1 and s.connection_id = $2 and s.stream = names.stream
left join lateral (
    select sum(h.items) as items from stream_ingest_hours h
    where h.connection_id = $2 and h.stream = names.stream and h.hour > now() - interval '24 hours'
) day on true
left join lateral (
    select count(*) as partitions, min(k.watermark) as watermark, max(k.updated_at) as updated_at
    from stream_cursors k where k.connection_id = $2 and k.stream = names.stream
) cursors on true
where c.org_id = $1 and c.id = $2
order by s.position nulls last, names.stream

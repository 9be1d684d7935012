select
    r.id, r.org_id, r.kind, r.status, r.connection_id, c.name as "connection_name?", r.source, r.requested_by, r.params,
    r.parent_run_id, r.retry_of, r.workflow_id, r.created_at, r.started_at, r.ended_at, r.waiting_until, r.result,
    r.error as "error: Json<RunError>", r.paused_by, r.warnings,
    signs.last_activity_at as "last_activity_at!",
    extract(epoch from now() - signs.last_activity_at)::float8 as "silent_seconds!",
    case when l.run_id <> r.id and l.expires_at > now() then l.run_id end as "lease_holder?",
    coalesce(
        (
            select jsonb_agg(to_jsonb(s) || jsonb_build_object('rows_per_second', rate.rows_per_second) order by s.position)
            from run_streams s
            -- of the last minute, or of the last 200 pages
            left join lateral (
                select coalesce(sum(page.fetched) filter (where page.stream = s.stream and page.at > now() - interval '1 minute'), 0)
                    / greatest(1, extract(epoch from now() - greatest(
                        s.started_at, now() - interval '1 minute', case when count(*) = 200 then min(page.at) end
                    ))) as rows_per_second
                from (
                    select e.at, e.data ->> 'stream' as stream, (e.data -> 'page' ->> 'fetched')::bigint as fetched
                    from run_events e where e.run_id = r.id and e.kind = 'page_committed' order by e.id desc limit 200
                ) page
            ) rate on r.status = 'running' and s.status = 'running'
            where s.run_id = r.id
        ),
        '[]'
    ) as "streams!: Json<Vec<RunStreamRow>>"
from runs r
left join connections c on c.id = r.connection_id
left join connection_leases l on l.connection_id = r.connection_id and r.status in ('queued', 'running', 'cancelling')
cross join lateral (
    -- signs of life: events, and the lease, which is renewed while a slice is at work
    select greatest(
        r.created_at, r.started_at, r.ended_at,
        (select e.at from run_events e where e.run_id = r.id order by e.id desc limit 1),
        case when l.run_id = r.id then least(l.expires_at - make_interval(secs => $10), now()) end
    ) as last_activity_at
) signs
where r.org_id = $1
    and ($2::uuid is null or r.id = $2)
    and ($3::text is null or r.kind = $3)
    and ($4::text is null or r.status = $4)
    and ($5::uuid is null or r.connection_id = $5)
    and ($6::timestamptz is null or r.created_at >= $6)
    and ($7::timestamptz is null or (r.created_at, r.id) < ($7, $8::uuid))
order by r.created_at desc, r.id desc
limit $9

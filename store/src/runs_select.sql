select
    r.id, r.org_id, r.kind, r.status, r.connection_id, c.name as "connection_name?", r.source, r.requested_by, r.params,
    r.parent_run_id, r.retry_of, r.workflow_id, r.created_at, r.started_at, r.ended_at, r.waiting_until, r.result,
    r.error as "error: Json<RunError>",
    coalesce(
        (select jsonb_agg(to_jsonb(s) order by s.position) from run_streams s where s.run_id = r.id), '[]'
    ) as "streams!: Json<Vec<RunStreamRow>>"
from runs r
left join connections c on c.id = r.connection_id
where r.org_id = $1
    and ($2::uuid is null or r.id = $2)
    and ($3::text is null or r.kind = $3)
    and ($4::text is null or r.status = $4)
    and ($5::uuid is null or r.connection_id = $5)
    and ($6::timestamptz is null or r.created_at >= $6)
    and ($7::timestamptz is null or (r.created_at, r.id) < ($7, $8::uuid))
order by r.created_at desc, r.id desc
limit $9

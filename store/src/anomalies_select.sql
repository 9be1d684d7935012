select
    a.id, a.connection_id, c.name as "connection_name?", a.rule, a.severity, a.status, a.subject_table, a.external_id,
    w.key as "key?", coalesce(w.title, v.name, s.name) as title, coalesce(w.url, v.url) as url, a.explanation, a.first_seen_at,
    a.last_seen_at, a.first_run_id, a.last_run_id, a.acknowledged_at, a.acknowledged_by, a.note, a.resolved_at, a.reopened_at
from anomalies a
left join connections c on c.org_id = $1 and c.id = a.connection_id
left join work_items w
    on a.subject_table = 'work_items' and w.org_id = $1 and w.connection_id = a.connection_id and w.external_id = a.external_id
left join versions v
    on a.subject_table = 'versions' and v.org_id = $1 and v.connection_id = a.connection_id and v.external_id = a.external_id
left join sprints s
    on a.subject_table = 'sprints' and s.org_id = $1 and s.connection_id = a.connection_id and s.external_id = a.external_id
where a.org_id = $1
    and ($2::bigint is null or a.id = $2)
    and ($3::uuid is null or a.connection_id = $3)
    and ($4::text is null or a.rule = $4)
    and ($5::text is null or a.severity = $5)
    and ($6::text is null or a.status = $6)
    and ($7::text is null or a.subject_table = $7)
    and ($8::text is null or a.subject_table = 'work_items' and (a.connection_id, a.external_id) in (
        select k.connection_id, k.external_id from work_items k where k.org_id = $1 and k.key = $8
    ))
    and ($9::timestamptz is null or a.last_seen_at >= $9)
    and ($10::bigint is null or a.id < $10)
order by a.id desc
limit $11

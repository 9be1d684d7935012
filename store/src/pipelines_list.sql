select
    t.id, t.connection_id, c.source, t.external_id, t.url, t.project_external_id, pr.full_path as "project?",
    t.number, t.status, t.trigger, t.git_ref, t.sha, t.created_at, t.updated_at, t.started_at, t.finished_at,
    t.duration_seconds, t.queued_seconds, t.coverage,
    t.identity_external_id, i.id as "identity_id?", i.username as "identity_username?", i.display_name as "identity_name?",
    i.is_bot as "identity_is_bot?", p.id as "person_id?", p.display_name as "person_name?"
from pipelines t
join connections c on c.id = t.connection_id
left join projects pr on pr.connection_id = t.connection_id and pr.external_id = t.project_external_id
left join identities i on i.connection_id = t.connection_id and i.external_id = t.identity_external_id
left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'confirmed')
left join people p on p.id = l.person_id
where t.org_id = $1 and t.deleted_at is null
    and ($2::text is null or t.status = $2)
    and ($3::text is null or pr.full_path = $3 or t.project_external_id = $3)
    and ($4::text is null or t.git_ref = $4)
    and ($5::uuid is null or t.connection_id = $5)
    and ($6::uuid is null or p.id = $6)
    and ($7::timestamptz is null or t.created_at >= $7)
    and ($8::timestamptz is null or t.created_at < $8)
    and (
        $9::bigint is null
        or t.id in (
            select r.row_id from kpi_snapshots k cross join lateral kpi_rows(k.org_id, k.id) r
            where k.id = $9 and k.org_id = $1 and k.row_table = 'pipelines'
        )
    )
    and (
        $11::bigint is null
        -- rows without a creation time come first, as the index has them
        or ($10::timestamptz is null and (t.created_at is not null or t.id < $11))
        or (t.created_at, t.id) < ($10, $11)
    )
order by t.created_at desc, t.id desc
limit $12

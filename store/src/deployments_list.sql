select
    d.id, d.connection_id, c.source, d.external_id, d.url, d.project_external_id, pr.full_path as "project?",
    d.number, d.status, coalesce(e.name, d.environment_name) as environment, coalesce(e.tier, d.environment_tier) as tier,
    d.git_ref, d.sha, d.created_at, d.updated_at, d.finished_at,
    d.identity_external_id, i.id as "identity_id?", i.username as "identity_username?", i.display_name as "identity_name?",
    i.is_bot as "identity_is_bot?", p.id as "person_id?", p.display_name as "person_name?"
from deployments d
join connections c on c.id = d.connection_id
left join projects pr on pr.connection_id = d.connection_id and pr.external_id = d.project_external_id
left join environments e on e.connection_id = d.connection_id and e.external_id = d.environment_external_id
left join identities i on i.connection_id = d.connection_id and i.external_id = d.identity_external_id
left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'confirmed')
left join people p on p.id = l.person_id
where d.org_id = $1 and d.deleted_at is null
    and ($2::text is null or d.status = $2)
    and ($3::text is null or pr.full_path = $3 or d.project_external_id = $3)
    and ($4::text is null or coalesce(e.name, d.environment_name) = $4)
    and ($5::text is null or coalesce(e.tier, d.environment_tier) = $5)
    and ($6::uuid is null or d.connection_id = $6)
    and ($7::uuid is null or p.id = $7)
    and ($8::timestamptz is null or d.created_at >= $8)
    and ($9::timestamptz is null or d.created_at < $9)
    and (
        $10::bigint is null
        or d.id in (
            select r.row_id from kpi_snapshots k cross join lateral kpi_rows(k.org_id, k.id) r
            where k.id = $10 and k.org_id = $1 and k.row_table = 'deployments'
        )
    )
    and ($11::timestamptz is null or (d.created_at, d.id) < ($11, $12::bigint))
order by d.created_at desc, d.id desc
limit $13

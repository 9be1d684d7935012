with newest as (
    select distinct on (k.scope_kind, k.scope_id, k.metric)
        k.id, k.metric, k.scope_kind, k.scope_id, k.window_start, k.window_end, k.value, k.row_table, k.row_ids
    from kpi_snapshots k
    where k.org_id = $1 and k.window_kind = 'trailing_30_days'
        and k.metric in ('stale_merge_requests', 'pipeline_success_rate', 'deployment_frequency')
    order by k.scope_kind, k.scope_id, k.metric, k.window_start desc, k.definition_version desc
),
stale as (
    select
        1 as rank, extract(epoch from m.created_at)::float8 as sort, m.id::text as key, 'stale_merge_request' as kind, n.id as snapshot_id,
        n.window_start, n.window_end, m.connection_id, m.external_id, m.url, m.project_external_id, m.title, m.number, m.created_at,
        m.author_external_id, null::float8 as value
    from newest n
    join merge_requests m on m.id = any(n.row_ids) and m.org_id = $1 and m.deleted_at is null
    where n.metric = 'stale_merge_requests' and n.scope_kind = 'organisation' and n.row_table = 'merge_requests'
),
of_projects as (
    select
        case n.metric when 'pipeline_success_rate' then 2 else 3 end as rank, n.value as sort, n.scope_id as key,
        case n.metric when 'pipeline_success_rate' then 'low_pipeline_success_rate' else 'no_production_deployment' end as kind,
        n.id as snapshot_id, n.window_start, n.window_end, split_part(n.scope_id, ':', 1)::uuid as connection_id,
        substr(n.scope_id, 38) as external_id, null as url, substr(n.scope_id, 38) as project_external_id, null as title,
        null::bigint as number, null::timestamptz as created_at, null as author_external_id, n.value
    from newest n
    where n.scope_kind = 'project'
        and (
            (n.metric = 'pipeline_success_rate' and n.value < $3::float8)
            or (n.metric = 'deployment_frequency' and n.value = 0)
        )
)
select
    r.kind as "kind!", r.snapshot_id as "snapshot_id!", r.window_start as "window_start!", r.window_end as "window_end!",
    r.connection_id as "connection_id?", c.source as "source?", r.external_id as "external_id?", coalesce(r.url, pr.url) as "url?",
    pr.full_path as "project?", r.title as "title?", r.number as "number?", r.created_at as "created_at?",
    r.author_external_id as "author_external_id?", i.id as "author_identity_id?", i.username as "author_username?",
    i.display_name as "author_name?", i.is_bot as "author_is_bot?", p.id as "author_person_id?", p.display_name as "author_person_name?",
    r.value as "value?", r.rank as "rank!", r.sort as "sort!", r.key as "key!"
from (select * from stale union all select * from of_projects) r
left join connections c on c.id = r.connection_id
left join projects pr on pr.connection_id = r.connection_id and pr.external_id = r.project_external_id
left join identities i on i.connection_id = r.connection_id and i.external_id = r.author_external_id
left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'confirmed')
left join people p on p.id = l.person_id
where pr.deleted_at is null and ($2::text is null or pr.full_path = $2 or r.project_external_id = $2)
    and ($4::int is null or (r.rank, r.sort, r.key) > ($4, $5::float8, $6::text))
order by r.rank, r.sort, r.key
limit $7

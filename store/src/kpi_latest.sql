with newest as (
    select distinct on (k.scope_id, k.metric) k.*
    from kpi_snapshots k
    where k.org_id = $1
        and k.scope_kind = case when $3 or $2::text is not null then 'project' else 'organisation' end
        and k.window_kind = $4
        and ($5::text is null or k.metric = $5)
    order by k.scope_id, k.metric, k.window_start desc, k.definition_version desc
)
select
    n.id, n.metric, n.definition_version, n.scope_kind, n.scope_id, pr.full_path as "project?", n.window_kind, n.window_start, n.window_end,
    n.value, n.unit, n.stats, n.coverage, n.row_table, cardinality(n.row_ids) as "row_count!", n.identity_epoch, n.computed_at, n.run_id
from newest n
left join projects pr
    on pr.org_id = $1 and n.scope_kind = 'project'
    and pr.connection_id::text = split_part(n.scope_id, ':', 1) and pr.external_id = substr(n.scope_id, 38)
-- a project that is gone is no longer measured
where pr.deleted_at is null and ($2::text is null or pr.full_path = $2 or pr.external_id = $2 or n.scope_id = $2)
    and ($6::text is null or (n.scope_id, n.metric) > ($6, $7))
order by n.scope_id, n.metric
limit $8

-- the newest windows of each metric and scope that end by a time; of each window the newest definition
with windows as (
    select distinct on (k.metric, k.scope_kind, k.scope_id, k.window_start)
        k.metric, k.scope_kind, k.scope_id, k.window_start, k.window_end, k.value, k.unit, k.row_count, k.coverage
    from kpi_snapshots k
    where k.org_id = $1 and k.window_kind = $2 and k.window_end <= $3::timestamptz and k.window_start >= $5::timestamptz
        and k.scope_kind in ('organisation', 'project')
    order by k.metric, k.scope_kind, k.scope_id, k.window_start, k.definition_version desc
),
numbered as (
    select w.*, row_number() over (partition by w.metric, w.scope_kind, w.scope_id order by w.window_start desc) as place from windows w
)
select
    n.metric as "metric!", n.scope_id as "scope_id!", pr.full_path as "project?", n.unit as "unit!",
    array_agg(n.window_start order by n.window_start) as "starts!", array_agg(n.value order by n.window_start) as "values!: Vec<Option<f64>>",
    max(n.window_end) as "end!", max(n.row_count) filter (where n.place = 1) as "row_count!",
    (array_agg(n.coverage order by n.place))[1] as "coverage!"
from numbered n
left join projects pr
    on n.scope_kind = 'project' and pr.org_id = $1 and pr.deleted_at is null
        and pr.connection_id::text = split_part(n.scope_id, ':', 1) and pr.external_id = substr(n.scope_id, 38)
where n.place <= $4::bigint and (n.scope_kind = 'organisation' or pr.id is not null)
group by n.metric, n.scope_id, pr.full_path, n.unit
order by pr.full_path nulls first, n.scope_id, n.metric

-- how likely a release is to slip, as the last rollup has it
with risks as (
    select distinct on (r.version_id) r.version_id, r.score
    from (
        select s.window_end, s.computed_at, u.version_id, u.score
        from kpi_snapshots s
        cross join lateral unnest(s.row_ids, s.row_values) as u (version_id, score)
        where s.org_id = $1 and s.metric = 'release_risk' and s.scope_kind = 'organisation' and s.scope_id = ''
            and s.window_kind = 'trailing_30_days' and s.window_start > now() - interval '40 days'
    ) r
    order by r.version_id, r.window_end desc, r.computed_at desc
)
select
    v.id, v.connection_id, v.project_external_id, v.name, v.url, v.release_on as "release_on!", scope.items as "items!",
    scope.items_done as "done!", scope.open_ids as "open_ids?", risks.score as "score?"
from versions v
join connections c on c.id = v.connection_id and c.deleted_at is null
left join projects pr on pr.connection_id = v.connection_id and pr.external_id = v.project_external_id
left join risks on risks.version_id = v.id
cross join lateral (
    select
        count(*) as items, count(*) filter (where w.status_category = 'done') as items_done,
        (array_agg(w.id order by w.id) filter (where w.status_category is distinct from 'done'))[:50] as open_ids
    from release_memberships m
    join work_items w on w.connection_id = m.connection_id and w.external_id = m.work_item_external_id and w.deleted_at is null
    where m.connection_id = v.connection_id and m.version_external_id = v.external_id
) scope
where v.org_id = $1 and v.deleted_at is null and not v.released and not v.archived and pr.archived is not true and pr.deleted_at is null
    and v.release_on <= $2::date + $3::int
order by v.id

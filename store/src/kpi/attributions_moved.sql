-- incidents whose deployment is another than the figures were made with, or for which it was or is not known: since when figures may be
-- others, and whether a person said so
with n as (select * from unnest($2::text[], $3::bigint[], $4::bigint[], $6::text[]) n (t, id, deployment_id, rule)),
moved as (
    select coalesce(n.t, o.incident_table) as t, coalesce(n.id, o.incident_id) as id, o.deployment_id as before, n.deployment_id as after
    from (select * from kpi_incident_attributions where org_id = $1) o
    full join n on n.t = o.incident_table and n.id = o.incident_id
    where o.deployment_id is distinct from n.deployment_id or (coalesce(o.rule, 'none') = 'none') <> (coalesce(n.rule, 'none') = 'none')
)
select least(w.created_at, s.created_at, b.finished_at, b.updated_at, b.created_at, a.finished_at, a.updated_at, a.created_at),
       exists (
           select from kpi_incident_overrides o
           where o.org_id = $1 and o.incident_table = m.t and o.incident_id = m.id and (o.created_at >= $5 or o.ended_at >= $5)
       )
from moved m
left join work_items w on m.t = 'work_items' and w.org_id = $1 and w.id = m.id
left join issues s on m.t = 'issues' and s.org_id = $1 and s.id = m.id
left join deployments b on b.org_id = $1 and b.id = m.before
left join deployments a on a.org_id = $1 and a.id = m.after
where coalesce(w.created_at, s.created_at, b.created_at, a.created_at) is not null
order by 1, 2

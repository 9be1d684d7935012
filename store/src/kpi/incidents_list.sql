select
    a.incident_table, a.incident_id, coalesce(w.connection_id, s.connection_id) as connection_id, coalesce(w.key, '#' || s.number) as reference,
    coalesce(w.title, s.title) as title, ip.full_path as project, coalesce(w.url, s.url) as url,
    coalesce(w.created_at, s.created_at) as created_at, coalesce(w.resolved_at, s.closed_at) as resolved_at, a.deployment_id,
    dp.full_path as deployment_project, d.url as deployment_url, coalesce(d.finished_at, d.updated_at) as deployment_finished_at, a.rule,
    a.confidence, o.created_by as overridden_by, o.reason as override_reason, o.created_at as overridden_at
from kpi_incident_attributions a
left join work_items w on a.incident_table = 'work_items' and w.org_id = $1 and w.id = a.incident_id
left join issues s on a.incident_table = 'issues' and s.org_id = $1 and s.id = a.incident_id
left join projects ip
    on ip.connection_id = coalesce(w.connection_id, s.connection_id) and ip.external_id = coalesce(w.project_external_id, s.project_external_id)
left join deployments d on d.org_id = $1 and d.id = a.deployment_id
left join projects dp on dp.connection_id = d.connection_id and dp.external_id = d.project_external_id
left join kpi_incident_overrides o
    on o.org_id = $1 and o.incident_table = a.incident_table and o.incident_id = a.incident_id and o.ended_at is null
where a.org_id = $1
    and ($2::bigint is null or a.deployment_id = $2)
    and ($3::text is null or (a.incident_table, a.incident_id) < ($3, $4::bigint))
order by a.incident_table desc, a.incident_id desc
limit $5

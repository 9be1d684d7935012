select
    w.id, w.external_id, w.project_external_id, k.changed_at as "changed_at!", w.deleted_at is not null as "deleted!", w.kind, w.status,
    w.status_category, w.resolution, w.parent_external_id, w.labels, w.fix_version_external_ids, w.created_at, w.updated_at, w.resolved_at,
    p.key as "parent_key?", p.kind as "parent_kind?",
    array(
        select s.name from sprints s
        where s.org_id = $1 and s.connection_id = $2 and s.external_id = any(w.sprint_external_ids) and s.state = 'active'
            and s.deleted_at is null
        order by s.starts_at, s.external_id
    ) as "active_sprints!"
from unnest($3::bigint[], $4::timestamptz[]) with ordinality as k (id, changed_at, position)
join work_items w on w.id = k.id
left join work_items p
    on p.org_id = $1 and p.connection_id = $2 and p.external_id = w.parent_external_id and p.deleted_at is null
where w.org_id = $1 and w.connection_id = $2
order by k.position

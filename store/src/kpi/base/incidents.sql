select w.id, 'work_items' as of_table, w.connection_id, w.project_external_id, w.kind, w.type_name, w.status_category, w.assignee_external_id,
       w.labels, w.components, w.created_at, w.resolved_at, w.story_points
from work_items w
where w.org_id = $1 and w.deleted_at is null and w.connection_id = any($4)
    and w.id in (
        select id from work_items where org_id = $1 and lower(type_name) = any($2::text[])
        union
        select id from work_items where org_id = $1 and labels <> '{}' and lower_all(labels) && $3::text[]
    )
union all
select s.id, 'issues', s.connection_id, s.project_external_id, 'task', coalesce(s.issue_type, ''),
       case s.state when 'closed' then 'done' else 'todo' end, s.assignee_external_ids[1], s.labels, '{}'::text[], s.created_at, s.closed_at,
       null::double precision
from issues s
where s.org_id = $1 and s.deleted_at is null and s.connection_id = any($4)
    and s.id in (
        select id from issues where org_id = $1 and lower(issue_type) = any($2::text[])
        union
        select id from issues where org_id = $1 and labels <> '{}' and lower_all(labels) && $3::text[]
    )

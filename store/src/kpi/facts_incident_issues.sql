select s.id, s.connection_id, s.project_external_id, 'task' as kind, coalesce(s.issue_type, '') as type_name,
       case s.state when 'closed' then 'done' else 'todo' end as status_category, s.assignee_external_ids[1] as assignee_external_id,
       coalesce(i.is_bot, false) as assignee_is_bot, s.labels, '{}'::text[] as components, s.created_at, s.closed_at as resolved_at,
       null::double precision as story_points
from issues s
join connections c on c.id = s.connection_id and c.deleted_at is null
left join identities i on i.connection_id = s.connection_id and i.external_id = s.assignee_external_ids[1]
where s.org_id = $1 and s.deleted_at is null
    and (lower(s.issue_type) = any($2::text[]) or exists (select from unnest(s.labels) l where lower(l) = any($3::text[])))

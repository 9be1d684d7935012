select w.id, w.connection_id, w.project_external_id, w.kind, w.type_name, w.status_category, w.assignee_external_id,
       coalesce(i.is_bot, false) as assignee_is_bot, w.labels, w.components, w.created_at, w.resolved_at, w.story_points
from work_items w
join connections c on c.id = w.connection_id and c.deleted_at is null
left join identities i on i.connection_id = w.connection_id and i.external_id = w.assignee_external_id
where w.org_id = $1 and w.deleted_at is null and ($2::timestamptz is null or w.created_at >= $2)

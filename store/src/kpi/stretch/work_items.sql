select w.id, w.connection_id, w.project_external_id, w.kind, w.status_category, w.assignee_external_id, w.created_at, w.resolved_at,
       w.story_points
from (
:items:
) i
join work_items w on w.id = i.id
where w.org_id = :org: and w.deleted_at is null and w.connection_id = any(:connections:) and w.kind <> 'epic'

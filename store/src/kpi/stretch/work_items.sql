with known as materialized (
    select id, connection_id, external_id, project_external_id, kind, status_category, assignee_external_id, created_at, resolved_at, story_points
    from work_items
    where org_id = :org: and deleted_at is null and connection_id = any(:connections:) and (
        -- what is under way or may be, what came, what was resolved
        status_category is distinct from 'done' and created_at < :until:
        or created_at >= :from: and created_at < :until:
        or resolved_at >= :from: and least(created_at, resolved_at) < :until:
        or id = any(:ids:)
    )
)
select id, connection_id, project_external_id, kind, status_category, assignee_external_id, created_at, resolved_at, story_points
from known where kind <> 'epic'
union all
-- what was not yet done when the stretch began, although neither its state nor a time of its own says so
select w.id, w.connection_id, w.project_external_id, w.kind, w.status_category, w.assignee_external_id, w.created_at, w.resolved_at, w.story_points
from (
    select h.connection_id, h.work_item_external_id, min(h.created_at) as at
    from work_item_changes h
    where h.org_id = :org: and h.field = 'status' and h.deleted_at is null and h.created_at >= :from:
        and not exists (select from known k where k.connection_id = h.connection_id and k.external_id = h.work_item_external_id)
    group by 1, 2
) h
join work_items w on w.connection_id = h.connection_id and w.external_id = h.work_item_external_id
where w.org_id = :org: and w.deleted_at is null and w.connection_id = any(:connections:) and w.kind <> 'epic'
    and least(w.created_at, h.at) < :until:

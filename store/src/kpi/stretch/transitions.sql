select w.id, h.connection_id, h.created_at, h.from_value, h.to_value
from (
:items:
) i
join work_items w on w.id = i.id
join work_item_changes h on h.connection_id = w.connection_id and h.work_item_external_id = w.external_id
where w.org_id = :org: and w.deleted_at is null and w.connection_id = any(:connections:) and w.kind <> 'epic'
    and h.field = 'status' and h.deleted_at is null

select w.id, h.connection_id, h.created_at, h.from_value, h.to_value
from work_items w
-- one by one, by index (the offset keeps the planner from reading all of history instead)
cross join lateral (
    select c.connection_id, c.created_at, c.from_value, c.to_value from work_item_changes c
    where c.connection_id = w.connection_id and c.work_item_external_id = w.external_id and c.field = 'status' and c.deleted_at is null offset 0
) h
where w.org_id = :org: and w.id = any(:ids:)

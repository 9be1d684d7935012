select w.id as work_item_id, h.created_at as at, f.category as from_category, t.category as to_category
from work_item_changes h
join work_items w on w.connection_id = h.connection_id and w.external_id = h.work_item_external_id and w.deleted_at is null
join connections c on c.id = h.connection_id and c.deleted_at is null
left join work_item_statuses f on f.connection_id = h.connection_id and f.external_id = h.from_value
left join work_item_statuses t on t.connection_id = h.connection_id and t.external_id = h.to_value
where h.org_id = $1 and h.field = 'status' and h.deleted_at is null and ($2::timestamptz is null or w.created_at >= $2)
order by h.id

select v.id as version_id, w.id as work_item_id, e.at, e.added
from (
    select connection_id, work_item_external_id, to_value as version, created_at as at, true as added
    from work_item_changes
    where org_id = $1 and field = 'Fix Version' and to_value is not null and deleted_at is null
    union all
    select connection_id, work_item_external_id, from_value, created_at, false
    from work_item_changes
    where org_id = $1 and field = 'Fix Version' and from_value is not null and deleted_at is null
    union all
    select connection_id, external_id, unnest(fix_version_external_ids), null, true
    from work_items
    where org_id = $1 and deleted_at is null and fix_version_external_ids <> '{}'
) e
join work_items w on w.connection_id = e.connection_id and w.external_id = e.work_item_external_id and w.deleted_at is null
join versions v on v.connection_id = e.connection_id and v.external_id = e.version and v.deleted_at is null and v.id = any($2)
join connections c on c.id = e.connection_id and c.deleted_at is null
order by v.id, w.id, e.at nulls last, e.added

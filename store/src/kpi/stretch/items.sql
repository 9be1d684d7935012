    -- what is under way or may be
    select id from work_items
    where org_id = :org: and deleted_at is null and status_category is distinct from 'done' and created_at < :until:
    union
    select id from work_items where org_id = :org: and deleted_at is null and created_at >= :from: and created_at < :until:
    union
    select id from work_items
    where org_id = :org: and deleted_at is null and resolved_at >= :from: and least(created_at, resolved_at) < :until:
    union
    -- what was not yet done when the stretch began
    select w.id
    from work_item_changes h
    join work_items w on w.connection_id = h.connection_id and w.external_id = h.work_item_external_id
    where h.org_id = :org: and h.field = 'status' and h.deleted_at is null and h.created_at >= :from:
        and w.deleted_at is null and least(w.created_at, h.created_at) < :until:
    union
    select unnest(:ids:)

with asked as (
    select k.key as asked, k.key, 0 as steps from unnest($2::text[]) as k (key)
    union all
    -- of a project that had another key
    select k.key, p.key || substr(k.key, position('-' in k.key)), 1
    from unnest($2::text[]) as k (key)
    join projects p on p.org_id = $1 and p.key is not null and p.former_keys @> array[split_part(k.key, '-', 1)]
),
found as (
    select a.asked, w.id, a.steps
    from asked a
    join work_items w on w.org_id = $1 and w.key = a.key and w.deleted_at is null
    union all
    -- of an item that was in another project
    select a.asked, w.id, a.steps + 2
    from asked a
    join work_item_changes h on h.org_id = $1 and h.field = 'Key' and h.from_text = a.key and h.deleted_at is null
    join work_items w on w.connection_id = h.connection_id and w.external_id = h.work_item_external_id and w.org_id = $1 and w.deleted_at is null
)
select distinct on (f.asked, w.connection_id)
    f.asked as "asked!", w.id as "id!", w.connection_id as "connection_id!", w.external_id as "external_id!", w.key as "key!",
    w.project_external_id as "project_external_id!", w.title as "title!", w.kind as "kind!", w.status_category
from found f
join work_items w on w.id = f.id
order by f.asked, w.connection_id, f.steps, w.updated_at desc nulls last, w.id

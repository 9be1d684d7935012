select
    v.id, v.connection_id, v.project_external_id, v.name, v.url, v.release_on as "release_on!", scope.items as "items!",
    scope.items_done as "done!", scope.open_ids as "open_ids?"
from versions v
left join projects pr on pr.connection_id = v.connection_id and pr.external_id = v.project_external_id
cross join lateral (
    select
        count(*) as items, count(*) filter (where w.status_category = 'done') as items_done,
        (array_agg(w.id order by w.id) filter (where w.status_category is distinct from 'done'))[:50] as open_ids
    from release_memberships m
    join work_items w on w.connection_id = m.connection_id and w.external_id = m.work_item_external_id and w.deleted_at is null
    where m.connection_id = v.connection_id and m.version_external_id = v.external_id
) scope
where v.org_id = $1 and v.deleted_at is null and not v.released and not v.archived and pr.archived is not true and pr.deleted_at is null
    and v.release_on <= ($2::timestamptz at time zone 'UTC')::date + $3::int
order by v.id

select
    w.id, w.connection_id, w.project_external_id, w.key, w.title, w.url, w.status, coalesce(s.began_at, w.created_at) as "began_at!",
    s.began_at is not null as "began_is_known!", i.id as "owner_identity_id?", l.person_id as "owner_person_id?"
from work_items w
join connections n on n.id = w.connection_id and n.deleted_at is null
left join projects pr on pr.connection_id = w.connection_id and pr.external_id = w.project_external_id
left join identities i on i.connection_id = w.connection_id and i.external_id = w.assignee_external_id
left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'confirmed')
-- when it came into progress: the last change of its status from outside
left join lateral (
    select c.created_at as began_at
    from work_item_changes c
    join work_item_statuses t on t.connection_id = c.connection_id and t.external_id = c.to_value and t.category = 'in_progress'
    left join work_item_statuses f on f.connection_id = c.connection_id and f.external_id = c.from_value
    where c.connection_id = w.connection_id and c.work_item_external_id = w.external_id and c.field = 'status' and c.deleted_at is null
        and f.category is distinct from 'in_progress' and c.created_at <= $2::timestamptz
    order by c.created_at desc
    limit 1
) s on true
-- an epic is in progress for as long as what is in it
where w.org_id = $1 and w.deleted_at is null and w.status_category = 'in_progress' and w.kind <> 'epic'
    and pr.archived is not true and pr.deleted_at is null
    and coalesce(s.began_at, w.created_at) <= $2::timestamptz - make_interval(days => $3::int)
order by w.id

-- a code host's items have no status between open and closed: somebody has it, and nothing happens to it
select
    i.id, i.connection_id, i.project_external_id, i.number, i.title, i.url, pr.full_path as "project?", a.last_at as "last_at!",
    o.identity_id as "owner_identity_id?", o.person_id as "owner_person_id?"
from issues i
join connections c on c.id = i.connection_id and c.deleted_at is null
left join projects pr on pr.connection_id = i.connection_id and pr.external_id = i.project_external_id
cross join lateral (select greatest(i.updated_at, i.created_at) as last_at) a
-- the first of its assignees who is a person; one whom nobody knows counts as human
join lateral (
    select ids.id as identity_id, l.person_id
    from unnest(i.assignee_external_ids) with ordinality as r (external_id, place)
    left join identities ids on ids.connection_id = i.connection_id and ids.external_id = r.external_id
    left join person_identity_links l on l.identity_id = ids.id and l.status in ('auto', 'confirmed')
    left join people p on p.id = l.person_id
    where not coalesce(p.is_bot, ids.is_bot, false)
    order by r.place
    limit 1
) o on true
where i.org_id = $1 and i.deleted_at is null and i.state = 'opened' and i.closed_at is null
    and pr.archived is not true and pr.deleted_at is null
    and a.last_at <= $2::timestamptz - make_interval(days => $3::int)
order by i.id

select
    i.id, i.source, c.base_url, i.external_id, i.username, i.display_name, i.email, i.is_bot,
    l.person_id as "person_id?", l.status as "link_status?"
from identities i
join connections c on c.id = i.connection_id
left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'conflict', 'confirmed')
where i.org_id = $1 and i.deleted_at is null
order by i.id

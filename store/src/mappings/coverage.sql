select
    i.source,
    count(*) as "accounts!",
    count(*) filter (where s.is_service) as "service_accounts!",
    count(*) filter (where not s.is_service and l.status = 'auto') as "auto!",
    count(*) filter (where not s.is_service and l.status = 'confirmed') as "confirmed!",
    count(*) filter (where not s.is_service and l.status = 'conflict') as "conflict!",
    count(*) filter (where not s.is_service and l.id is null) as "unseen!",
    count(*) filter (where not s.is_service and l.status in ('auto', 'confirmed') and m.accounts > 1) as "joined!"
from identities i
left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'conflict', 'confirmed')
left join people p on p.id = l.person_id
left join (
    select person_id, count(*) as accounts from person_identity_links
    where org_id = $1 and status in ('auto', 'confirmed') group by person_id
) m on m.person_id = l.person_id
cross join lateral (select coalesce(p.is_bot, i.is_bot, false) as is_service) s
where i.org_id = $1 and i.deleted_at is null
group by i.source
order by i.source

select
    p.id as "id!", p.primary_email, p.imported_at is not null as "is_imported!",
    exists (
        select from person_identity_links l where l.person_id = p.id and l.status in ('auto', 'conflict', 'confirmed')
    ) as "has_accounts!"
from people p
where p.org_id = $1 and p.retired_at is null and p.id in (
    select id from people where org_id = $1 and imported_at is not null and retired_at is null
    union all
    select person_id from team_memberships where org_id = $1
)
order by p.id

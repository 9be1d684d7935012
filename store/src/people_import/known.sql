-- by id, by the person's own address, and by an account's; addresses in lower case, as a list: a join with them would not use the indexes
with found as (
    select p.id, null::text as account_email from people p where p.org_id = $1 and p.id = any ($2)
    union
    select p.id, null from people p
    where p.org_id = $1 and p.primary_email is not null and lower(p.primary_email) = any ($3::text[])
    union
    select l.person_id, lower(i.email) from identities i
    join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'confirmed')
    where i.org_id = $1 and lower(i.email) = any ($3::text[])
        and i.email is not null and i.deleted_at is null
)
select
    p.id as "id!", p.display_name as "display_name!", p.primary_email, p.imported_at is not null as "is_imported!", f.account_email,
    p.imported_at is not null or m.is_member is not null or l.is_confirmed is not null as "is_firm!"
from found f
join people p on p.id = f.id and p.org_id = $1 and p.retired_at is null
left join lateral (select true as is_member from team_memberships m where m.person_id = p.id limit 1) m on true
left join lateral (
    select true as is_confirmed from person_identity_links l where l.person_id = p.id and l.status = 'confirmed' limit 1
) l on true
order by p.id

select
    i.id as identity, p.id as person, p.display_name as person_name,
    coalesce(nullif(btrim(i.display_name), ''), nullif(btrim(i.username), ''), nullif(btrim(i.email), ''), i.external_id) as "account_name!",
    i.source, l.confidence, l.rule, l.version
from person_identity_links l
join identities i on i.id = l.identity_id and i.deleted_at is null
join people p on p.id = l.person_id
where l.org_id = $1 and l.status = 'auto' and l.confidence >= $2 and ($3::text is null or i.source = $3)
    and exists (
        select from person_identity_links o
        where o.person_id = l.person_id and o.identity_id <> l.identity_id and o.status in ('auto', 'confirmed')
    )
order by i.id
limit $4

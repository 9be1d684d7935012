select
    i.id, l.person_id as "person?", l.status as "status?", l.confidence as "confidence?", l.rule as "rule?",
    l.candidates as "candidates?: Json<Vec<LinkCandidate>>",
    coalesce((select max(h.version) from person_identity_links h where h.identity_id = i.id), 0) as "version!",
    coalesce(nullif(btrim(i.display_name), ''), nullif(btrim(i.username), ''), nullif(btrim(i.email), ''), i.external_id) as "name!",
    i.email, coalesce(i.is_bot, false) as "is_bot!"
from identities i
left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'conflict', 'confirmed')
where i.org_id = $1
    -- either these that are live, or all of a person
    and ($3::uuid is null and i.id = any($2) and i.deleted_at is null
        or i.id in (
            select p.identity_id from person_identity_links p
            where p.org_id = $1 and p.person_id = $3 and p.status in ('auto', 'conflict', 'confirmed')
        ))
order by i.id

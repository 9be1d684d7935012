select
    i.id, l.person_id as "person?", l.status as "status?", l.confidence as "confidence?", l.rule as "rule?",
    l.candidates as "candidates?: Json<Vec<LinkCandidate>>",
    coalesce(l.version, 0) as "version!", l.decision_id as "decision_id?",
    coalesce(nullif(btrim(i.display_name), ''), nullif(btrim(i.username), ''), nullif(btrim(i.email), ''), i.external_id) as "name!",
    i.email, coalesce(i.is_bot, false) as "is_bot!"
from identities i
left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'conflict', 'confirmed')
where i.org_id = $1
    -- either these that are live, or all of these people: one list of ids, so that the primary key serves both
    and i.id = any (case when $3::uuid[] is null then $2::uuid[] else array (
        select p.identity_id from person_identity_links p
        where p.org_id = $1 and p.person_id = any ($3) and p.status in ('auto', 'conflict', 'confirmed')
    ) end)
    and ($3::uuid[] is not null or i.deleted_at is null)
order by i.id

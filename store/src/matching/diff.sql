-- which of these links are not what the table has
select w.identity_id as "identity_id!"
from jsonb_to_recordset($2) as w (
    identity_id uuid, person_id uuid, status text, confidence double precision, rule text, trace jsonb, candidates jsonb,
    contradicts jsonb, nearly text
)
left join person_identity_links l
    on l.org_id = $1 and l.identity_id = w.identity_id and l.status in ('auto', 'conflict', 'confirmed')
where l.id is null
    or (l.person_id, l.status) is distinct from (w.person_id, w.status)
    or (l.candidates, l.contradicts) is distinct from (w.candidates, w.contradicts)
    or l.status <> 'confirmed' and (l.confidence, l.rule, l.trace, l.nearly) is distinct from (w.confidence, w.rule, w.trace, w.nearly)

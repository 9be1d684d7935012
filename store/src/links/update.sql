-- the same person and status on other evidence. A confirmed link keeps what was known when it was confirmed: only what speaks against it
-- is news
update person_identity_links l
set confidence = case when l.status = 'confirmed' then l.confidence else w.confidence end,
    rule = case when l.status = 'confirmed' then l.rule else w.rule end,
    trace = case when l.status = 'confirmed' then l.trace else w.trace end,
    candidates = w.candidates, contradicts = w.contradicts, nearly = w.nearly,
    sentence = w.sentence, rule_set_version = $3, config_version = $4, run_id = $5,
    version = l.version + 1, updated_at = now()
from jsonb_to_recordset($2) as w (
    identity_id uuid, person_id uuid, status text, confidence double precision, rule text, trace jsonb, candidates jsonb, contradicts jsonb, nearly text,
    sentence text
)
where l.org_id = $1 and l.identity_id = w.identity_id and l.status in ('auto', 'conflict', 'confirmed')
    and l.person_id = w.person_id and l.status = w.status
    and (
        (l.candidates, l.contradicts) is distinct from (w.candidates, w.contradicts)
        or l.status <> 'confirmed' and (l.confidence, l.rule, l.trace, l.nearly) is distinct from (w.confidence, w.rule, w.trace, w.nearly)
    )

insert into person_identity_links (
    identity_id, org_id, person_id, status, confidence, rule, trace, candidates, contradicts, nearly, sentence, rule_set_version, config_version, run_id,
    decided_by, decided_at, decision_id, version, conflict_since
)
select
    i.id, $1, w.person_id, w.status, w.confidence, w.rule, w.trace, w.candidates, w.contradicts, w.nearly, w.sentence, $3, $4, $5,
    $6, case when $6::text is null then null else now() end, $7,
    coalesce((select max(l.version) from person_identity_links l where l.identity_id = i.id), 0) + 1,
    case when w.status = 'conflict' then coalesce(
        -- still a question, only about another person
        (
            select l.conflict_since from person_identity_links l
            where l.identity_id = i.id and l.status = 'superseded' and l.ended_at = now()
            order by l.id desc limit 1
        ),
        now()
    ) end
from jsonb_to_recordset($2) as w (
    identity_id uuid, person_id uuid, status text, confidence double precision, rule text, trace jsonb, candidates jsonb, contradicts jsonb, nearly text,
    sentence text
)
join identities i on i.id = w.identity_id and i.org_id = $1
where not exists (
    select from person_identity_links l where l.identity_id = i.id and l.status in ('auto', 'conflict', 'confirmed')
)
order by i.id

insert into person_identity_links (identity_id, org_id, person_id, status, confidence, rule, trace, rule_set_version, run_id)
select r.identity_id, $1, r.person_id, r.status, r.confidence, r.rule, r.trace, $3, $2
from jsonb_to_recordset($4) as r (identity_id uuid, person_id uuid, status text, confidence double precision, rule text, trace jsonb)
on conflict (identity_id) do update
set person_id = excluded.person_id, status = excluded.status, confidence = excluded.confidence, rule = excluded.rule,
    trace = excluded.trace, rule_set_version = excluded.rule_set_version, run_id = excluded.run_id, updated_at = now()
where person_identity_links.org_id = excluded.org_id
    -- what a person decided stays decided
    and person_identity_links.status not in ('confirmed', 'rejected')
    and (
        person_identity_links.person_id, person_identity_links.status, person_identity_links.confidence, person_identity_links.rule,
        person_identity_links.trace, person_identity_links.rule_set_version
    ) is distinct from (
        excluded.person_id, excluded.status, excluded.confidence, excluded.rule, excluded.trace, excluded.rule_set_version
    )

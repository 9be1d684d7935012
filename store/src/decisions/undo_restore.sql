-- the row itself comes back, as it was
update person_identity_links l
set person_id = r.person_id, status = r.status, confidence = r.confidence, rule = r.rule, trace = r.trace, candidates = r.candidates,
    contradicts = r.contradicts, nearly = r.nearly, sentence = r.sentence, rule_set_version = r.rule_set_version, config_version = r.config_version, run_id = r.run_id,
    decided_by = r.decided_by, decided_at = r.decided_at, decision_id = r.decision_id, conflict_since = r.conflict_since, ended_at = null,
    version = 1 + (select max(h.version) from person_identity_links h where h.identity_id = l.identity_id), updated_at = now()
from jsonb_populate_recordset(null::person_identity_links, $2) as r
where l.org_id = $1 and l.id = r.id and l.identity_id = r.identity_id

-- links that no longer hold: another person, or another status
update person_identity_links l
set status = 'superseded', ended_at = now(), updated_at = now()
from jsonb_to_recordset($2) as w (identity_id uuid, person_id uuid, status text)
where l.org_id = $1 and l.identity_id = w.identity_id and l.status in ('auto', 'conflict', 'confirmed')
    and (l.person_id, l.status) is distinct from (w.person_id, w.status)

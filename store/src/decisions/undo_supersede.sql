-- what these accounts are linked to now, unless that is the row that comes back
update person_identity_links l
set status = 'superseded', ended_at = now(), updated_at = now()
where l.org_id = $1 and l.identity_id = any($2) and l.status in ('auto', 'conflict', 'confirmed')
    and l.id not in (select r.id from jsonb_to_recordset($3) as r (id bigint))

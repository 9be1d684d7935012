-- Review load is a person's where the account has one, else the account's. When that changes, the item keeps its mute and its first sight.
update risk_items r set subject_table = t.subject_table, subject_id = t.subject_id
from (
    select distinct on (f.subject_table, f.subject_id) k.id, f.subject_table, f.subject_id
    from jsonb_to_recordset($2::jsonb) as f (kind text, subject_table text, subject_id text)
    join risk_items k on k.org_id = $1 and k.kind = f.kind and (
        f.subject_table = 'people' and k.subject_table = 'identities' and exists (
            select from person_identity_links l
            where l.identity_id::text = k.subject_id and l.person_id::text = f.subject_id and l.status in ('auto', 'confirmed')
        )
        or f.subject_table = 'identities' and k.subject_table = 'people' and k.owner_identity_id::text = f.subject_id
    )
    where f.kind = 'review_load'
        and not exists (
            select from risk_items x
            where x.org_id = $1 and x.kind = f.kind and x.subject_table = f.subject_table and x.subject_id = f.subject_id
        )
        -- found under its old name as well: two items
        and not exists (
            select from jsonb_to_recordset($2::jsonb) as g (kind text, subject_table text, subject_id text)
            where g.kind = k.kind and g.subject_table = k.subject_table and g.subject_id = k.subject_id
        )
    order by f.subject_table, f.subject_id, k.muted_at is null, k.first_seen_at, k.id
) t
where r.org_id = $1 and r.id = t.id

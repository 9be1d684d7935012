with refused as (
    insert into person_identity_links (
        identity_id, org_id, person_id, status, confidence, rule, trace, rule_set_version, decided_by, decided_at, decision_id, version
    )
    select
        i.id, $1, p.id, 'rejected', 0, 'human decision', '[]', 0, $4, now(), $5,
        coalesce((select max(l.version) from person_identity_links l where l.identity_id = i.id), 0)
            + row_number() over (partition by i.id order by p.id)
    from unnest($2::uuid[], $3::uuid[]) as r (identity_id, person_id)
    join identities i on i.id = r.identity_id and i.org_id = $1
    join people p on p.id = r.person_id and p.org_id = $1
    where not exists (
        select from person_identity_links l where l.identity_id = i.id and l.person_id = p.id and l.status = 'rejected'
    )
    order by i.id, p.id
    returning identity_id, version
)
-- the current row is the one that is seen: it has the account's newest version
update person_identity_links l
set version = r.version, updated_at = now()
from (select identity_id, max(version) as version from refused group by identity_id) r
where l.org_id = $1 and l.identity_id = r.identity_id and l.status in ('auto', 'conflict', 'confirmed')

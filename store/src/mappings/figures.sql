select
    (select count(*) from people where org_id = $1 and retired_at is null and not is_bot) as "people!",
    (select count(*) from people where org_id = $1 and retired_at is null and is_bot) as "service_people!",
    q.size as "queue!", q.oldest as queue_oldest,
    (
        select count(*) from person_identity_links
        where org_id = $1 and status in ('auto', 'conflict', 'confirmed') and contradicts <> '[]'
    ) as "contradicted!",
    (select max(ended_at) from runs where org_id = $1 and kind = 'matching' and status = 'succeeded' and params -> 'preview' is null) as last_run_at
from (
    select count(*) as size, min(l.conflict_since) as oldest
    from person_identity_links l
    join identities i on i.id = l.identity_id and i.deleted_at is null
    where l.org_id = $1 and l.status = 'conflict'
) q

with state as (
    select p.id, p.retired_at is not null as was_retired,
        p.imported_at is null and not exists (
            select from person_identity_links l where l.person_id = p.id and l.status in ('auto', 'conflict', 'confirmed')
        ) or p.merged_into is not null as retired
    from people p
    where p.org_id = $1 and p.id = any($2)
)
update people p
set retired_at = case when not s.retired then null when s.was_retired then p.retired_at else now() end,
    version = p.version + 1, updated_at = now()
from state s
where p.id = s.id
returning p.id, s.retired as "retired!", s.retired <> s.was_retired as "changed!"

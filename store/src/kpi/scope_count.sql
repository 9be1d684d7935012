select case $2
    when 'project' then (
        select count(*) from projects p join connections c on c.id = p.connection_id and c.deleted_at is null
        where p.org_id = $1 and p.deleted_at is null
            and ($3::text is null or p.full_path = $3 or p.external_id = $3 or p.connection_id || ':' || p.external_id = $3)
    )
    when 'team' then (
        select count(*) from teams t
        where t.org_id = $1 and t.archived_at is null and ($3::text is null or t.id::text = $3 or lower(t.name) = lower($3))
    )
    when 'person' then (
        select count(*) from people p
        where p.org_id = $1 and p.retired_at is null and not p.is_bot and ($3::text is null or p.id::text = $3)
    )
    else 1::bigint
end

select part from (
    select 'c' || c.id::text as part from connections c where c.org_id = $1 and c.deleted_at is null
    union all
    select 'p' || p.connection_id || ':' || p.external_id || ':' || p.full_path || case when p.archived then ':archived' else '' end
    from projects p where p.org_id = $1 and p.deleted_at is null
    union all
    select 's' || s.connection_id || ':' || s.external_id || coalesce(s.category, '') from work_item_statuses s where s.org_id = $1
    union all
    select 't' || m.team_id || m.person_id || m.from_date || coalesce(m.until_date::text, '')
    from team_memberships m join teams t on t.id = m.team_id and t.archived_at is null where m.org_id = $1
) parts
order by part

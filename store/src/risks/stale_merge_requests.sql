select
    m.id, m.connection_id, m.project_external_id, pr.full_path as "project?", m.number, m.title, m.url, a.last_at as "last_at!",
    i.id as "owner_identity_id?", l.person_id as "owner_person_id?"
from merge_requests m
join connections c on c.id = m.connection_id and c.deleted_at is null
left join projects pr on pr.connection_id = m.connection_id and pr.external_id = m.project_external_id
left join identities i on i.connection_id = m.connection_id and i.external_id = m.author_external_id
left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'confirmed')
cross join lateral (
    select greatest(
        m.created_at, m.updated_at,
        (select max(n.created_at) from merge_request_notes n
         where n.connection_id = m.connection_id and n.merge_request_external_id = m.external_id and n.deleted_at is null),
        (select max(p.approved_at) from merge_request_approvals p
         where p.connection_id = m.connection_id and p.merge_request_external_id = m.external_id and p.deleted_at is null),
        (select max(c.committed_at) from merge_request_commits c
         where c.connection_id = m.connection_id and c.merge_request_external_id = m.external_id and c.deleted_at is null)
    ) as last_at
) a
where m.org_id = $1 and m.deleted_at is null and m.state in ('opened', 'locked') and m.merged_at is null and m.closed_at is null
    and not m.draft and not coalesce(i.is_bot, false) and pr.archived is not true and pr.deleted_at is null
    and m.created_at <= $2::timestamptz - make_interval(days => $3::int)
    and a.last_at <= $2::timestamptz - make_interval(days => $3::int)
order by m.id

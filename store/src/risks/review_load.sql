-- accounts of one person count as one
with requests as (
    select distinct on (coalesce(l.person_id, i.id), m.id)
        coalesce(l.person_id, i.id) as who, l.person_id, i.id as identity_id, coalesce(p.display_name, i.display_name, i.username) as name,
        m.id, m.created_at, m.connection_id, m.external_id
    from merge_requests m
    join connections c on c.id = m.connection_id and c.deleted_at is null
    cross join lateral unnest(m.reviewer_external_ids) as r (external_id)
    join identities i on i.connection_id = m.connection_id and i.external_id = r.external_id
    left join person_identity_links l on l.identity_id = i.id and l.status in ('auto', 'confirmed')
    left join people p on p.id = l.person_id
    left join projects pr on pr.connection_id = m.connection_id and pr.external_id = m.project_external_id
    where m.org_id = $1 and m.deleted_at is null and m.state in ('opened', 'locked') and m.merged_at is null and m.closed_at is null
        and not m.draft and m.created_at <= $2::timestamptz and not coalesce(p.is_bot, i.is_bot, false)
        and pr.archived is not true and pr.deleted_at is null
    order by coalesce(l.person_id, i.id), m.id, i.id
)
select
    r.who as "who!", r.person_id as "person_id?", (array_agg(r.identity_id order by r.identity_id))[1] as "identity_id!",
    min(r.name) as "name?", count(*) as "requests!", min(r.created_at) as "oldest_at!",
    (array_agg(r.id order by r.created_at, r.id))[:50] as "merge_request_ids!"
from requests r
-- who has approved has done it
where not exists (
    select from merge_request_approvals a
    join identities ai on ai.connection_id = a.connection_id and ai.external_id = a.identity_external_id
    left join person_identity_links al on al.identity_id = ai.id and al.status in ('auto', 'confirmed')
    where a.connection_id = r.connection_id and a.merge_request_external_id = r.external_id and a.deleted_at is null
        and coalesce(al.person_id, ai.id) = r.who
)
group by r.who, r.person_id
having count(*) >= $3::bigint
order by r.who

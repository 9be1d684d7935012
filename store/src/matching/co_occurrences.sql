-- An account whose merge requests hold commits of one author only, by an address that is another account's: how many of them.
-- Requests with several authors, and addresses that more than two accounts share, say little and are left out.
with authored as (
    select m.connection_id, m.author_external_id, m.external_id, min(lower(c.author_email)) as email
    from merge_requests m
    join merge_request_commits c
        on c.connection_id = m.connection_id and c.merge_request_external_id = m.external_id and c.deleted_at is null
    where m.org_id = $1 and m.deleted_at is null and m.author_external_id is not null and c.author_email is not null
    group by m.connection_id, m.author_external_id, m.external_id
    having count(distinct lower(c.author_email)) = 1
),
committed as (
    select connection_id, author_external_id, email, count(*) as count from authored group by connection_id, author_external_id, email
),
addresses as (
    select lower(email) as email from identities
    where org_id = $1 and deleted_at is null and email is not null
    group by lower(email) having count(*) <= 2
)
select a.id as "a!", b.id as "b!", 'merge_request_commit' as "kind!", k.count as "count!"
from committed k
join addresses e on e.email = k.email
join identities b on b.org_id = $1 and lower(b.email) = k.email and b.deleted_at is null
join identities a on a.connection_id = k.connection_id and a.external_id = k.author_external_id and a.org_id = $1 and a.deleted_at is null
where a.id <> b.id
union all
-- who opened a merge request whose branch names a work item, and who the item is assigned to: how many items
select author.id, assignee.id, 'issue_branch', count(distinct w.id)
from references_found f
join merge_requests m on m.connection_id = f.connection_id and m.external_id = f.from_external_id and m.deleted_at is null
join work_items w on w.org_id = $1 and w.key = any(f.keys) and w.deleted_at is null
join identities author
    on author.connection_id = m.connection_id and author.external_id = m.author_external_id and author.deleted_at is null
join identities assignee
    on assignee.connection_id = w.connection_id and assignee.external_id = w.assignee_external_id and assignee.deleted_at is null
where f.org_id = $1 and f.from_table = 'merge_requests' and f.place like '%branch' and f.deleted_at is null and cardinality(f.keys) = 1
    and author.id <> assignee.id
group by author.id, assignee.id
order by 1, 2, 3

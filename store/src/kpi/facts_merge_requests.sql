select m.id, m.connection_id, m.project_external_id, m.author_external_id, coalesce(i.is_bot, false) as author_is_bot, m.state, m.draft,
       m.is_fork,
       case when cardinality($4::text[]) > 0 and lower(m.source_branch) like any (select b || '%' from unnest($4::text[]) b)
            then m.source_branch end as source_branch,
       case when cardinality(m.labels) = 0 then m.labels
            else array(select l from unnest(m.labels) l where lower(l) = any($3::text[])) end as labels,
       m.created_at, m.updated_at, m.merged_at, m.closed_at, f.at as first_commit_at, m.head_sha, m.merge_commit_sha, m.squash_commit_sha,
       m.additions, m.deletions
from merge_requests m
join connections c on c.id = m.connection_id and c.deleted_at is null
left join identities i on i.connection_id = m.connection_id and i.external_id = m.author_external_id
left join (
    select connection_id, merge_request_external_id, min(authored_at) as at
    from merge_request_commits
    where org_id = $1 and deleted_at is null and authored_at is not null
    group by 1, 2
) f on f.connection_id = m.connection_id and f.merge_request_external_id = m.external_id
where m.org_id = $1 and m.deleted_at is null and ($2::timestamptz is null or m.created_at >= $2)

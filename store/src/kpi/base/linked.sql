-- merge requests by id, with what attributions ask of them
select m.id, m.connection_id, m.project_external_id,
       case when cardinality($4::text[]) > 0 and lower(m.source_branch) like any (select b || '%' from unnest($4::text[]) b)
            then m.source_branch end as source_branch,
       case when cardinality(m.labels) = 0 then m.labels
            else array(select l from unnest(m.labels) l where lower(l) = any($3::text[])) end as labels,
       m.state, m.created_at, m.merged_at, m.head_sha, m.merge_commit_sha, m.squash_commit_sha
from merge_requests m
join connections c on c.id = m.connection_id and c.deleted_at is null
where m.org_id = $1 and m.deleted_at is null and m.id = any($2)

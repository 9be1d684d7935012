select id, connection_id, project_external_id, author_external_id, merged_at,
       case when merge_commit_sha is null and squash_commit_sha is null then left(head_sha, 16) end, left(merge_commit_sha, 16),
       left(squash_commit_sha, 16)
from merge_requests
where org_id = :org: and deleted_at is null and merged_at is not null and connection_id = any(:connections:)

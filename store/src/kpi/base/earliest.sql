select least(
    (select min(created_at) from merge_requests where org_id = $1 and deleted_at is null and connection_id = any($2)),
    (select min(merged_at) from merge_requests where org_id = $1 and deleted_at is null and connection_id = any($2)),
    (select min(coalesce(finished_at, updated_at)) from pipelines where org_id = $1 and deleted_at is null and connection_id = any($2)),
    (select min(created_at) from work_items where org_id = $1 and deleted_at is null and connection_id = any($2))
)

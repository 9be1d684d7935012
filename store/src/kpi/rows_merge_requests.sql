-- Generated from the registry in kpi/, for merge_throughput, lead_time_for_changes, time_to_first_review, review_duration, time_to_merge, merge_request_size, stale_merge_requests. Refresh with: UPDATE_DOCS=1 cargo test -p ovia-kpi
with r as materialized (
    select row_id, row_value, day from kpi_rows_page($1, $2, $3, $4, $5)
)
select r.row_id, r.row_value, r.day as counted_on, t.connection_id, c.source, t.external_id, pr.full_path as project, '!' || t.number as reference, t.title as title, t.url
from r
left join merge_requests t on t.org_id = $1 and t.id = r.row_id
left join connections c on c.id = t.connection_id
left join projects pr on pr.connection_id = t.connection_id and pr.external_id = t.project_external_id
order by r.day, r.row_id

-- Generated from the registry in kpi/, for delivery_health. Refresh with: UPDATE_DOCS=1 cargo test -p ovia-kpi
with r as materialized (
    select row_id, row_value, day from kpi_rows_page($1, $2, $3, $4, $5)
)
select r.row_id, r.row_value, r.day as counted_on, null::uuid as connection_id, null as source, null as external_id, null as project, null as reference, null as title, null as url
from r
order by r.day, r.row_id

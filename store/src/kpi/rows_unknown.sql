with r as materialized (
    select row_id, row_value, day from kpi_rows($1, $2)
    where $3::timestamptz is null or (day, row_id) > ($3, $4::bigint)
    order by day, row_id
    limit $5
)
select r.row_id, r.row_value, r.day as counted_on, null::uuid as connection_id, null as source, null as external_id, null as project, null as reference, null as title, null as url
from r

order by r.day, r.row_id

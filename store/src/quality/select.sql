select
    q.id, q.check_key, q.connection_id, c.name as connection_name, q.scope, q.subject_table, q.status, q.value, q.unit, q.warn_beyond,
    q.fail_beyond, q.row_count, q.sample_row_ids, q.detail, q.since, q.checked_at, q.run_id
from quality_results q
join connections c on c.id = q.connection_id
where q.org_id = $1 and c.deleted_at is null
    -- the newest run's, or all
    and (not $2::bool or q.run_id = (select n.run_id from quality_results n where n.org_id = $1 order by n.checked_at desc, n.id desc limit 1))
    and ($3::text is null or q.check_key = $3)
    and ($4::text is null or q.status = $4)
    and ($5::uuid is null or q.connection_id = $5)
    and ($6::text is null or q.scope = $6)
    and ($7::timestamptz is null or q.checked_at >= $7)
    and ($8::bigint is null or q.id < $8)
order by q.id desc
limit $9

select
    k.id, k.at, k.run_id, k.metric, k.scope_kind, k.scope_id, coalesce(pr.full_path, t.name, p.display_name) as scope_name, k.window_kind,
    k.window_start, k.window_end, k.definition_version, k.unit, k.before, k.after, k.rows_before, k.rows_after, k.cause, k.decision_id, k.causes
from kpi_changes k
left join projects pr
    on pr.org_id = $1 and k.scope_kind in ('project', 'repository') and pr.connection_id::text = split_part(k.scope_id, ':', 1)
    and pr.external_id = substr(k.scope_id, 38)
left join teams t on t.org_id = $1 and k.scope_kind = 'team' and t.id::text = k.scope_id
left join people p on p.org_id = $1 and k.scope_kind = 'person' and p.id::text = k.scope_id
where k.org_id = $1
    and ($2::text is null or k.metric = $2)
    and ($3::text is null or k.scope_kind = $3)
    and ($4::text is null or k.scope_id = $4)
    and ($5::text is null or k.window_kind = $5)
    and ($6::text is null or k.causes @> jsonb_build_array(jsonb_build_object('kind', $6)))
    and ($7::bigint is null or k.decision_id = $7 or k.causes @> jsonb_build_array(jsonb_build_object('decision_id', $7)))
    and ($8::uuid is null or k.run_id = $8)
    and ($9::timestamptz is null or k.at >= $9)
    and ($10 or k.scope_kind <> 'person')
    and ($11::bigint is null or k.id < $11)
    and case when k.scope_kind = 'team' and $13::bigint is not null
             then kpi_team_members($1, k.scope_id::uuid, k.window_start, k.window_end) >= $13 else true end
order by k.id desc
limit $12

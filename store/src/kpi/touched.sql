-- Where an offset is, what changed is looked up one by one, by index: otherwise the planner expects more than there is, and reads all of
-- history.

-- accounts that are to be taken as changed: those of changed people, whatever their links say now, and those whose own row changed
with accounts as materialized (
    select distinct i.connection_id, i.external_id
    from person_identity_links l join identities i on i.id = l.identity_id
    where l.org_id = $1 and l.person_id = any($4::uuid[])
    union
    -- a new account changes nothing unless it is a bot's: unknown accounts count as human
    select i.connection_id, i.external_id from identities i
    where i.org_id = $1 and i.changed_at >= $2 and (i.is_bot or i.ingested_at < $2)
),
merge_request_ids as materialized (
    select m.id, false as moved from merge_requests m where m.org_id = $1 and m.changed_at >= $2
    union
    select m.id, false as moved from merge_request_notes n
    join merge_requests m on m.connection_id = n.connection_id and m.external_id = n.merge_request_external_id
    where n.org_id = $1 and n.changed_at >= $2
    union
    select m.id, false as moved from merge_request_approvals n
    join merge_requests m on m.connection_id = n.connection_id and m.external_id = n.merge_request_external_id
    where n.org_id = $1 and n.changed_at >= $2
    union
    -- its first commit is counted from where it was deployed
    select m.id, true from merge_request_commits n
    join merge_requests m on m.connection_id = n.connection_id and m.external_id = n.merge_request_external_id
    where n.org_id = $1 and n.changed_at >= $2
    union
    select m.id, true from accounts a join merge_requests m on m.connection_id = a.connection_id and m.author_external_id = a.external_id
    where m.org_id = $1
    union
    select m.id, false from accounts a
    join merge_request_notes n on n.connection_id = a.connection_id and n.author_external_id = a.external_id
    join merge_requests m on m.connection_id = n.connection_id and m.external_id = n.merge_request_external_id
    where n.org_id = $1
    union
    select m.id, false from accounts a
    join merge_request_approvals n on n.connection_id = a.connection_id and n.identity_external_id = a.external_id
    join merge_requests m on m.connection_id = n.connection_id and m.external_id = n.merge_request_external_id
    where n.org_id = $1
),
-- deployments to production that came, changed or went: also those that may have been to production before
production as materialized (
    select d.id, d.connection_id, d.project_external_id, d.sha, least(d.created_at, d.updated_at, d.finished_at) as at
    from (
        select d.id from deployments d where d.org_id = $1 and d.changed_at >= $2
        union
        select d.id
        from environments e
        join deployments d on d.connection_id = e.connection_id and d.environment_external_id = e.external_id
        where e.org_id = $1 and e.tier_changed_at >= $2
    ) c
    join deployments d on d.id = c.id
    left join environments e on e.connection_id = d.connection_id and e.external_id = d.environment_external_id
    where coalesce(e.tier, d.environment_tier) = any($7::text[]) or d.ingested_at < $2 and (e.tier is null or e.tier_changed_at >= $2)
),
spans as (
    -- from its creation to now: what was there before may have been open until now as far as the figures knew; what is new, or goes to
    -- another person or team, may be the first of its scope: from then on there is 0 where there was no data. Where only a note or an
    -- approval came, until it ended
    select least(m.created_at, m.merged_at) as "from",
           case when c.moved or m.changed_at >= $2 then $3
                else greatest(coalesce(least(m.merged_at, m.closed_at), $3), m.merged_at, n.at, a.at) end as "to"
    from (select id, bool_or(moved) as moved from merge_request_ids group by id) c
    join merge_requests m on m.id = c.id
    left join lateral (
        select max(n.created_at) as at from merge_request_notes n
        where n.connection_id = m.connection_id and n.merge_request_external_id = m.external_id and not c.moved and m.changed_at < $2
    ) n on true
    left join lateral (
        select max(a.approved_at) as at from merge_request_approvals a
        where a.connection_id = m.connection_id and a.merge_request_external_id = m.external_id and not c.moved and m.changed_at < $2
    ) a on true
    union all
    -- its commit was deployed before it was created
    select coalesce(d.finished_at, d.updated_at, d.created_at), m.created_at
    from (select distinct id from merge_request_ids) c
    cross join lateral (select * from merge_requests m where m.id = c.id and m.merged_at is not null offset 0) m
    cross join lateral (values (m.merge_commit_sha), (m.squash_commit_sha), (m.head_sha)) s (sha)
    cross join lateral (
        select d.finished_at, d.updated_at, d.created_at from deployments d where d.connection_id = m.connection_id and d.sha = s.sha offset 0
    ) d
    where coalesce(d.finished_at, d.updated_at, d.created_at) < m.created_at
    union all
    -- what merge requests mention
    select m.created_at, $3
    from references_found r
    join merge_requests m on m.connection_id = r.connection_id and m.external_id = r.from_external_id
    where r.org_id = $1 and r.changed_at >= $2 and r.from_table = 'merge_requests'
    union all
    -- the risk of a release looks back on a month of pipelines
    select least(p.created_at, p.finished_at, p.updated_at), greatest(p.finished_at, p.updated_at, p.created_at) + interval '30 days'
    from pipelines p
    where p.org_id = $1 and p.changed_at >= $2
    union all
    select coalesce(p.finished_at, p.updated_at), coalesce(p.finished_at, p.updated_at)
    from accounts a join pipelines p on p.connection_id = a.connection_id and p.identity_external_id = a.external_id
    where p.org_id = $1
    union all
    -- what it contains, those after it do not; before it, what had waited for it since the deployment before. A project's first one ends
    -- the time in which merges were all that could be measured
    select least(c.at, m.at), $3
    from (select connection_id, project_external_id, min(at) as at from production group by 1, 2) c
    left join lateral (
        select coalesce(d.finished_at, d.updated_at, d.created_at) as at
        from deployments d
        left join lateral (
            select * from environments e where e.connection_id = d.connection_id and e.external_id = d.environment_external_id offset 0
        ) e on true
        where d.connection_id = c.connection_id and d.project_external_id = c.project_external_id and d.status = 'success'
            and coalesce(e.tier, d.environment_tier) = any($7) and d.deleted_at is null and d.changed_at < $2
            and (e.tier_changed_at is null or e.tier_changed_at < $2) and coalesce(d.finished_at, d.updated_at, d.created_at) < c.at
        order by coalesce(d.finished_at, d.updated_at, d.created_at) desc limit 1
    ) p on true
    left join lateral (
        select min(m.merged_at) as at from merge_requests m
        where m.org_id = $1 and m.connection_id = c.connection_id and m.project_external_id = c.project_external_id
            and m.merged_at > coalesce(p.at, '-infinity')
    ) m on true
    union all
    -- merge requests that it names by their commit, however old
    select m.merged_at, $3
    from production c
    cross join lateral (
        select m.merged_at from merge_requests m where m.connection_id = c.connection_id and m.merge_commit_sha = c.sha
        union all
        select m.merged_at from merge_requests m where m.connection_id = c.connection_id and m.squash_commit_sha = c.sha
        union all
        select m.merged_at from merge_requests m
        where m.connection_id = c.connection_id and m.head_sha = c.sha and m.merged_at is not null and m.merge_commit_sha is null
            and m.squash_commit_sha is null
    ) m
    union all
    select coalesce(d.finished_at, d.updated_at, d.created_at), $3
    from accounts a join deployments d on d.connection_id = a.connection_id and d.identity_external_id = a.external_id
    where d.org_id = $1
    union all
    select least(w.created_at, w.resolved_at, h.at), $3
    from (
        select id from work_items where org_id = $1 and changed_at >= $2
        union
        select w2.id from work_item_changes h
        join work_items w2 on w2.connection_id = h.connection_id and w2.external_id = h.work_item_external_id
        where h.org_id = $1 and h.changed_at >= $2
        union
        select w3.id from accounts a
        join work_items w3 on w3.connection_id = a.connection_id and w3.assignee_external_id = a.external_id
        where w3.org_id = $1
    ) c
    cross join lateral (select * from work_items w where w.id = c.id offset 0) w
    left join lateral (
        select min(h.created_at) as at from work_item_changes h
        where h.connection_id = w.connection_id and h.work_item_external_id = w.external_id and h.field in ('status', 'Fix Version')
    ) h on true
    union all
    -- an incident counts where its deployment does
    select coalesce(d.finished_at, d.updated_at, d.created_at), coalesce(d.finished_at, d.updated_at, d.created_at)
    from kpi_incident_attributions a
    join deployments d on d.org_id = $1 and d.id = a.deployment_id
    left join work_items w on a.incident_table = 'work_items' and w.org_id = $1 and w.id = a.incident_id
    left join issues s on a.incident_table = 'issues' and s.org_id = $1 and s.id = a.incident_id
    where a.org_id = $1 and (
        w.changed_at >= $2 or s.changed_at >= $2
        or exists (
            select from work_item_changes h
            where h.connection_id = w.connection_id and h.work_item_external_id = w.external_id and h.changed_at >= $2
        )
    )
    union all
    -- it is an incident, or was one
    select s.created_at, $3
    from issues s
    where s.org_id = $1 and s.changed_at >= $2 and (
        lower(s.issue_type) = any($5::text[])
        or exists (select from unnest(s.labels) l where lower(l) = any($6::text[]))
        or $8::text is not null
            and item_matches($8::text::jsonpath, s.connection_id, s.project_external_id, s.issue_type, s.state, null, s.labels, '{}')
        or exists (select from kpi_incident_attributions a where a.org_id = $1 and a.incident_table = 'issues' and a.incident_id = s.id)
    )
    union all
    -- from the day it began, or from its first item; the day before, as days begin earlier in the east
    select least((v.earliest_start_on - 1) at time zone 'UTC', i.at, v.ingested_at), $3
    from versions v
    cross join lateral (
        select min(w.created_at) as at
        from work_items w
        where w.connection_id = v.connection_id and (
            w.fix_version_external_ids @> array[v.external_id]
            or w.external_id in (
                select h.work_item_external_id from work_item_changes h
                where h.org_id = $1 and h.connection_id = v.connection_id and h.field = 'Fix Version' and v.external_id in (h.from_value, h.to_value)
            )
        )
    ) i
    where v.org_id = $1 and v.changed_at >= $2
)
select date_trunc('hour', "from") as "from", max("to") as "to"
from spans
where "from" is not null and "to" is not null
group by 1
order by 1

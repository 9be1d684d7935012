//! The organisation the KPI bench is about, as it stands at one moment, and as it goes on.

use ovia_tests::TestApp;
use serde_json::json;

/// When its first row was created.
const BEGIN: &str = "2024-11-15T12:00:00Z";

pub struct Company {
    org: String,
    connection: String,
    /// Merge requests, work items and pipelines of a year, each.
    third: usize,
}

impl Company {
    /// A third merge requests, a third work items, a third pipelines a year, of a hundred projects and two hundred people in ten teams.
    pub async fn new(app: &TestApp, rows: usize) -> Self {
        let (org, connection) = (app.org, app.connect("bench", "https://gitlab.example.com", "t", json!({"projects": ["g/p1"]})).await);
        app.database
            .sql(&format!(
                "insert into identities (org_id, connection_id, source, external_id, username, is_bot)
                    select '{org}', '{connection}', 'gitlab', n::text, 'u' || n, n % 20 = 0 from generate_series(1, 200) n;
                 insert into people (id, org_id, display_name, is_bot)
                    select md5('p' || n)::uuid, '{org}', 'Person ' || n, n % 20 = 0 from generate_series(1, 200) n;
                 insert into person_identity_links (identity_id, org_id, person_id, status, confidence, rule, trace, rule_set_version)
                    select i.id, '{org}', md5('p' || i.external_id)::uuid, 'auto', 1, 'exact_email', '[]', 1 from identities i;
                 insert into teams (id, org_id, name) select md5('t' || n)::uuid, '{org}', 'Team ' || n from generate_series(1, 10) n;
                 insert into team_memberships (org_id, team_id, person_id, from_date, created_by)
                    select '{org}', md5('t' || (1 + n % 10))::uuid, md5('p' || n)::uuid, '2024-01-01', 'bench' from generate_series(1, 200) n;
                 insert into projects (org_id, connection_id, external_id, name, full_path, archived, default_branch)
                    select '{org}', '{connection}', n::text, 'p' || n, 'g/p' || n, false, 'main' from generate_series(1, 100) n;
                 insert into work_item_statuses (org_id, connection_id, external_id, name, category)
                    values ('{org}', '{connection}', '1', 'To do', 'todo'), ('{org}', '{connection}', '2', 'Doing', 'in_progress'),
                        ('{org}', '{connection}', '3', 'Done', 'done');"
            ))
            .await;
        Self { org: org.to_string(), connection, third: rows / 3 }
    }

    /// What happens after `before` and until `now`: rows come, are merged, resolved and commented on. One in fifty merge requests stays
    /// open, one in thirty items in progress.
    pub async fn until(&self, app: &TestApp, before: &str, now: &str) {
        let Self { org, connection, third } = self;
        let (before, now) = (format!("timestamptz '{before}'"), format!("timestamptz '{now}'"));
        // row n, until two years later
        let rows = format!(
            "(select n, c, c + (n % 90) * interval '1 hour' as ended, c + interval '4 hours' as begun,
                     c + (24 + n % 48) * interval '1 hour' as done, c + (n % 20) * interval '1 hour' as noted
              from (select n, timestamptz '{BEGIN}' + n * (365.0 * 86400 / {third}) * interval '1 second' as c
                    from generate_series(1, {third} * 2) n) s
              where c <= {now}) r"
        );
        let came = format!("{rows} where c > {before}");
        let state = format!("case when n % 50 = 0 or ended > {now} then 'opened' when n % 17 = 0 then 'closed' else 'merged' end");
        let merged = format!("case when n % 50 <> 0 and n % 17 <> 0 and ended <= {now} then ended end");
        let closed = format!("case when n % 50 <> 0 and n % 17 = 0 and ended <= {now} then ended end");
        let category = format!("case when begun > {now} then 'todo' when n % 30 = 0 or done > {now} then 'in_progress' else 'done' end");
        let resolved = format!("case when n % 30 <> 0 and done <= {now} then done end");
        let happened = |at: &str| format!("{at} > {before} and {at} <= {now}");
        let (ended, begun, done, noted) = (happened("ended"), happened("begun"), happened("done"), happened("noted"));
        app.database
            .sql(&format!(
                "update merge_requests m set state = {state}, merged_at = {merged}, closed_at = {closed}, updated_at = ended, changed_at = now()
                    from {rows} where c <= {before} and {ended} and n % 50 <> 0 and m.external_id = n::text;
                 update work_items w set status_category = {category}, resolved_at = {resolved}, updated_at = {now}, changed_at = now()
                    from {rows} where c <= {before} and (({begun}) or ({done} and n % 30 <> 0)) and w.external_id = n::text;
                 insert into merge_requests (org_id, connection_id, external_id, project_external_id, number, title, state, draft,
                    author_external_id, assignee_external_ids, reviewer_external_ids, labels, is_fork, created_at, updated_at, merged_at,
                    closed_at, additions, deletions, url)
                    select '{org}', '{connection}', n::text, (1 + n % 100)::text, n, 'Change ' || n, {state}, false, (1 + n % 200)::text,
                        '{{}}', '{{}}', '{{}}', false, c, least(ended, {now}), {merged}, {closed}, n % 500, n % 300,
                        'https://gitlab.example.com/mr/' || n
                    from {came};
                 insert into merge_request_commits (org_id, connection_id, external_id, merge_request_external_id, sha, authored_at, committed_at)
                    select '{org}', '{connection}', n || ':a', n::text, md5(n::text), c - interval '1 hour', c - interval '1 hour' from {came};
                 insert into merge_request_notes (org_id, connection_id, external_id, merge_request_external_id, author_external_id, system, created_at)
                    select '{org}', '{connection}', n::text, n::text, (1 + (n + 7) % 200)::text, false, noted from {rows} where {noted};
                 insert into pipelines (org_id, connection_id, external_id, project_external_id, status, git_ref, identity_external_id, created_at,
                    updated_at, started_at, finished_at, duration_seconds)
                    select '{org}', '{connection}', n::text, (1 + n % 100)::text, case when n % 7 = 0 then 'failed' else 'success' end, 'main',
                        (1 + n % 200)::text, c - interval '10 minutes', c, c - interval '10 minutes', c, 600
                    from {came};
                 insert into deployments (org_id, connection_id, external_id, project_external_id, status, environment_tier, sha, created_at,
                    updated_at, finished_at)
                    select '{org}', '{connection}', n::text, (1 + n % 100)::text, 'success', 'production', md5(n::text), c, c, c
                    from {came} and n / 100 % 20 = 0;
                 insert into work_items (org_id, connection_id, external_id, key, project_external_id, title, kind, type_name, status,
                    status_category, assignee_external_id, labels, components, fix_version_external_ids, sprint_external_ids, created_at,
                    updated_at, resolved_at)
                    select '{org}', '{connection}', n::text, 'W-' || n, (1 + n % 100)::text, 'Item ' || n,
                        case when n % 4 = 0 then 'bug' else 'story' end, 'Story', 'x', {category}, (1 + n % 200)::text, '{{}}', '{{}}', '{{}}',
                        '{{}}', c, least(done, {now}), {resolved}
                    from {came};
                 insert into work_item_changes (org_id, connection_id, external_id, work_item_external_id, created_at, field, from_value, to_value)
                    select '{org}'::uuid, '{connection}'::uuid, n || ':a', n::text, begun, 'status', '1', '2' from {rows} where {begun}
                    union all
                    select '{org}'::uuid, '{connection}'::uuid, n || ':b', n::text, done, 'status', '2', '3' from {rows} where {done} and n % 30 <> 0;
                 analyze"
            ))
            .await;
    }
}

insert into risk_items as r (
    org_id, kind, subject_table, subject_id, severity, summary, evidence, connection_id, project_external_id, title, url, owner_person_id,
    owner_identity_id, first_run_id, last_run_id
)
select
    $1, f.kind, f.subject_table, f.subject_id, f.severity, f.summary, f.evidence, f.connection_id, f.project_external_id, f.title, f.url,
    f.owner_person_id, f.owner_identity_id, $2, $2
from jsonb_to_recordset($3::jsonb) as f (
    kind text, subject_table text, subject_id text, severity text, summary text, evidence jsonb, connection_id uuid,
    project_external_id text, title text, url text, owner_person_id uuid, owner_identity_id uuid
)
on conflict (org_id, kind, subject_table, subject_id) do update set
    severity = excluded.severity, summary = excluded.summary, evidence = excluded.evidence, connection_id = excluded.connection_id,
    project_external_id = excluded.project_external_id, title = excluded.title, url = excluded.url,
    owner_person_id = excluded.owner_person_id, owner_identity_id = excluded.owner_identity_id,
    last_seen_at = excluded.last_seen_at, last_run_id = excluded.last_run_id, resolved_at = null,
    -- a mute outlives the cause: it holds when that comes back, until its time is up
    status = case when r.muted_at is not null and (r.muted_until is null or r.muted_until > now()) then 'muted' else 'open' end,
    muted_at = case when r.muted_until <= now() then null else r.muted_at end,
    muted_by = case when r.muted_until <= now() then null else r.muted_by end,
    mute_reason = case when r.muted_until <= now() then null else r.mute_reason end,
    muted_until = case when r.muted_until <= now() then null else r.muted_until end,
    reopened_at = case when r.status = 'resolved' or r.muted_until <= now() then now() else r.reopened_at end

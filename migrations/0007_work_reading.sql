-- Indexes that reading of work items needs.

-- what changed since
create index work_items_updated on work_items (org_id, updated_at);
-- a moved work item, by a key it had
create index work_item_changes_by_former_key on work_item_changes (org_id, from_text) where field = 'Key';
create index versions_by_org on versions (org_id, id desc);
create index sprints_by_org on sprints (org_id, starts_at desc, id desc);

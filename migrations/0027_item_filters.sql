-- Whether an item is one of those a filter is about (kpi/src/item_filter.rs): of what it is told, texts are in lower case and what is empty is absent.
create function item_matches(
    filter jsonpath, connection_id uuid, project_external_id text, type_name text, status text, priority text, labels text[], components text[]
) returns boolean language sql stable parallel safe
as $$
    select coalesce(jsonb_path_match(jsonb_strip_nulls(jsonb_build_object(
        'project', (
            select lower(p.full_path) from projects p
            where p.connection_id = item_matches.connection_id and p.external_id = item_matches.project_external_id
        ),
        'type', lower(nullif(type_name, '')),
        'status', lower(nullif(status, '')),
        'priority', lower(nullif(priority, '')),
        'labels', to_jsonb(lower_all(labels)),
        'component', to_jsonb(lower_all(components))
    )), filter), false)
$$;

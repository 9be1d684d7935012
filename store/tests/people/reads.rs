//! Lists, the queue, figures, and the plans of the queries behind them.

use ovia_store::{
    PageToken, StoreError,
    decisions::Decision,
    links::LinkStatus,
    mappings::{MappingFilter, MappingSort},
    matching_config::ConfigPut,
};
use serde_json::json;

use crate::world::{World, account, link, person, seen};

/// Accounts 1–4 linked with rising confidence, 5 in conflict with 1, 6 not seen.
async fn world() -> World {
    let world = World::new(6).await;
    let links: Vec<_> = [(1, 1), (2, 1), (3, 3), (4, 4)]
        .into_iter()
        .map(|(a, p)| {
            let mut link = link(a, p, LinkStatus::Auto, &[]);
            link.confidence = 0.9 + a as f64 / 100.0;
            link
        })
        .collect();
    world.link(&links).await;
    world.conflict(5, 5, &[1]).await;
    world
}

#[tokio::test]
async fn mappings_are_walked_in_each_order_and_filtered() {
    let world = world().await;
    world.decide(Decision::Confirm { account: seen(3), person: person(3) }).await.unwrap();
    let walk = async |filter: &MappingFilter, sort| {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = world.store().mappings_list(world.org, filter, sort, &PageToken::new(Some(2), cursor)).await.unwrap();
            found.extend(page.items.into_iter().map(|row| row.identity_id.as_u128() - 0xA0_0000));
            cursor = page.next_cursor;
            if cursor.is_none() {
                return found;
            }
        }
    };
    let all = MappingFilter::default();
    // 5 is sure to .95, as is a conflict here; 3 is decided
    assert_eq!(walk(&all, MappingSort::Confidence).await, [1, 2, 4, 5, 3]);
    assert_eq!(walk(&all, MappingSort::ConfidenceDesc).await, [3, 5, 4, 2, 1]);
    assert_eq!(walk(&all, MappingSort::Age).await, [1, 2, 4, 5, 3]);
    assert_eq!(walk(&all, MappingSort::AgeDesc).await, [3, 5, 4, 2, 1]);
    let filters = [
        (MappingFilter { status: Some(LinkStatus::Auto), ..all.clone() }, vec![1, 2, 4]),
        (MappingFilter { person: Some(person(1)), ..all.clone() }, vec![1, 2]),
        (MappingFilter { min_confidence: Some(0.915), max_confidence: Some(0.945), ..all.clone() }, vec![2, 4]),
        (MappingFilter { q: Some("USER4".into()), ..all.clone() }, vec![4]),
        (MappingFilter { source: Some("jira".into()), ..all.clone() }, vec![]),
        (MappingFilter { service_accounts: Some(true), ..all.clone() }, vec![]),
        (MappingFilter { service_accounts: Some(false), ..all.clone() }, vec![1, 2, 4, 5, 3]),
        (MappingFilter { contradicted: Some(true), ..all.clone() }, vec![]),
        (MappingFilter { before: Some("2020-01-01T00:00:00Z".parse().unwrap()), ..all.clone() }, vec![]),
    ];
    for (filter, expected) in filters {
        assert_eq!(walk(&filter, MappingSort::Confidence).await, expected, "{filter:?}");
    }
    let page = PageToken::new(Some(2), None);
    let first = world.store().mappings_list(world.org, &all, MappingSort::Age, &page).await.unwrap();
    let other = PageToken::new(Some(2), first.next_cursor);
    let refused = world.store().mappings_list(world.org, &all, MappingSort::AgeDesc, &other).await;
    assert!(matches!(refused, Err(StoreError::BadCursor)), "a cursor of another order");
    let exported = world.store().mappings_export(world.org, None, Some(account(2)), 2).await.unwrap();
    assert_eq!(exported.iter().map(|row| row.identity_id).collect::<Vec<_>>(), [account(3).0, account(4).0]);
}

/// What was refused, and what held once: with who, when and why, walked as present links are.
#[tokio::test]
async fn past_links_are_listed_with_who_when_and_why() {
    let world = world().await;
    // 5 is itself: its candidate's person is refused for it; 3 goes to a person, and back
    world.decide(Decision::Confirm { account: seen(5), person: person(5) }).await.unwrap();
    world.decide(Decision::Confirm { account: seen(3), person: person(4) }).await.unwrap();
    world.link(&[link(2, 2, LinkStatus::Auto, &[])]).await;
    let list = async |status, sort, token: &PageToken| {
        let filter = MappingFilter { status: Some(status), ..MappingFilter::default() };
        world.store().mappings_list(world.org, &filter, sort, token).await.unwrap()
    };
    let refused = list(LinkStatus::Rejected, MappingSort::Age, &PageToken::default()).await.items;
    let row = refused.iter().find(|row| row.identity_id == account(5).0).expect("refused");
    assert_eq!(
        (row.person_id, row.decided_by.as_deref(), row.reason.as_deref()),
        (person(1).0, Some("token:ops"), Some("known to the team"))
    );
    assert!(row.decision_id.is_some() && row.decided_at.is_some() && row.ended_at.is_none());
    let all = list(LinkStatus::Superseded, MappingSort::AgeDesc, &PageToken::default()).await.items;
    let of = |n| all.iter().find(|row| row.identity_id == account(n).0).unwrap_or_else(|| panic!("{all:?}"));
    assert_eq!((of(3).person_id, of(3).ended_by.as_deref()), (person(3).0, Some("token:ops")));
    assert!(of(2).ended_at.is_some() && of(2).ended_by.as_deref().is_some_and(|by| by.starts_with("run:")), "{:?}", of(2));
    for sort in [MappingSort::Confidence, MappingSort::ConfidenceDesc, MappingSort::Age, MappingSort::AgeDesc] {
        let whole: Vec<i64> = list(LinkStatus::Superseded, sort, &PageToken::default()).await.items.iter().map(|row| row.link_id).collect();
        let (mut walked, mut cursor) = (Vec::new(), None);
        loop {
            let page = list(LinkStatus::Superseded, sort, &PageToken::new(Some(1), cursor)).await;
            walked.extend(page.items.iter().map(|row| row.link_id));
            assert!(walked.len() <= whole.len(), "{sort:?} does not end: {walked:?} of {whole:?}");
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert!(walked == whole && whole.len() >= 3, "{sort:?}: {walked:?} {whole:?}");
    }
    let of_one = MappingFilter { status: Some(LinkStatus::Superseded), person: Some(person(3)), ..MappingFilter::default() };
    let found = world.store().mappings_list(world.org, &of_one, MappingSort::Age, &PageToken::default()).await.unwrap().items;
    assert_eq!(found.iter().map(|row| row.identity_id).collect::<Vec<_>>(), [account(3).0]);
    let present = world.store().mappings_list(world.org, &MappingFilter::default(), MappingSort::Age, &PageToken::new(Some(1), None)).await;
    let foreign = PageToken::new(Some(1), present.unwrap().next_cursor);
    let refused = world.store().mappings_list(world.org, &of_one, MappingSort::Age, &foreign).await;
    assert!(matches!(refused, Err(StoreError::BadCursor)), "a cursor of present links");
}

#[tokio::test]
async fn the_queue_shows_both_sides() {
    let world = world().await;
    let queue = world.store().conflicts_list(world.org, Some("gitlab"), &Default::default()).await.unwrap().items;
    let [conflict] = queue.as_slice() else { panic!("{queue:?}") };
    assert_eq!((conflict.account.identity_id, conflict.own.len()), (account(5).0, 0));
    let [candidate] = conflict.candidates.as_slice() else { panic!("{conflict:?}") };
    assert_eq!((candidate.account.identity_id, candidate.account.person_id), (account(1).0, person(1).0));
    assert_eq!(candidate.others.iter().map(|row| row.identity_id).collect::<Vec<_>>(), [account(2).0]);
    assert!(world.store().conflicts_list(world.org, Some("jira"), &Default::default()).await.unwrap().items.is_empty());
    let stats = world.store().mapping_stats(world.org).await.unwrap();
    let total = stats.total();
    assert_eq!((total.accounts, total.auto, total.conflict, total.unseen, total.joined), (6, 4, 1, 1, 2));
    assert_eq!((stats.queue, stats.people, total.match_rate()), (1, 4, Some(4.0 / 6.0)));
    assert_eq!(stats.queue_oldest, conflict.account.conflict_since);
    assert_eq!(world.store().conflict_queue().await.unwrap(), (1, stats.queue_oldest));
}

#[tokio::test]
async fn a_persons_page_has_everything_about_them() {
    let world = world().await;
    world.decide(Decision::Confirm { account: seen(5), person: person(5) }).await.unwrap();
    let detail = world.store().person_detail(world.org, person(1)).await.unwrap().unwrap();
    assert_eq!(detail.accounts.len(), 2);
    assert_eq!(detail.refused.iter().map(|row| row.identity_id).collect::<Vec<_>>(), [account(5).0]);
    let never = &detail.never_together[0];
    assert_eq!((never.identity_id, never.other_identity_id, never.other_person_id), (account(1).0, account(5).0, Some(person(5).0)));
    assert_eq!(detail.events[0].kind, "refused");
    assert!(world.store().person_detail(world.org, person(77)).await.unwrap().is_none());
}

#[tokio::test]
async fn configurations_have_versions_and_are_never_changed() {
    let world = World::new(0).await;
    let put = async |expected, config| world.store().matching_config_put(world.org, expected, &config, &world.by("ops")).await.unwrap();
    assert!(world.store().matching_config_fetch(world.org).await.unwrap().is_none());
    let stricter = json!({"thresholds": {"auto": 0.97, "conflict": 0.5}});
    let epoch = world.store().matching_read(world.org).await.unwrap().identity_epoch;
    let ConfigPut::Written(first, Some(run)) = put(Some(0), stricter.clone()).await else { panic!("no run is queued") };
    assert_eq!((first.version, first.note.as_deref(), run.kind), (1, Some("known to the team"), ovia_domain::RunKind::Matching));
    assert_eq!(world.store().matching_read(world.org).await.unwrap().identity_epoch, epoch + 1, "a run under way reads it");
    assert!(matches!(put(Some(1), stricter.clone()).await, ConfigPut::Unchanged(row) if row.version == 1));
    assert!(matches!(put(Some(0), json!({})).await, ConfigPut::Stale(Some(row)) if row.version == 1));
    assert!(matches!(put(None, json!({})).await, ConfigPut::Written(row, None) if row.version == 2), "one run is queued already");
    let versions = world.store().matching_configs_list(world.org, &Default::default()).await.unwrap().items;
    assert_eq!(versions.iter().map(|row| row.version).collect::<Vec<_>>(), [2, 1]);
    let refused = sqlx::query("update matching_configs set version = 9").execute(world.store().pool()).await;
    assert!(refused.unwrap_err().to_string().contains("append-only"));
}

#[tokio::test]
async fn a_preview_is_no_matching_run() {
    let world = World::new(0).await;
    let ended = async |params: serde_json::Value| {
        let run = ovia_store::runs::NewRun { params, ..world.new_run() };
        let id = run.run_id;
        world.store().run_create(run).await.unwrap();
        world.store().run_begin(world.org, id, &[], &[]).await.unwrap();
        world.store().run_finish(world.org, id, ovia_domain::RunStatus::Succeeded, None, None).await.unwrap();
        world.store().mapping_stats(world.org).await.unwrap().last_run_at
    };
    assert!(ended(json!({"preview": {}})).await.is_none());
    assert!(ended(json!({})).await.is_some());
}

#[tokio::test]
async fn queue_and_lists_are_read_from_their_indexes() {
    let world = World::new(0).await;
    world
        .db
        .sql(&format!(
            "insert into people (id, org_id, display_name) select gen_random_uuid(), '{org}', n::text from generate_series(1, 20000) n;
            insert into identities (org_id, connection_id, source, external_id)
                select '{org}', '{connection}', 'gitlab', n::text from generate_series(1, 20000) n;
            insert into person_identity_links (identity_id, org_id, person_id, status, confidence, rule, trace, rule_set_version, conflict_since)
                select i.id, '{org}', p.id, case when i.n % 100 = 0 then 'conflict' else 'auto' end, i.n / 20000.0, 'exact e-mail', '[]', 2, now()
                from (select id, row_number() over () as n from identities) i
                join (select id, row_number() over () as n from people) p on p.n = i.n;
            insert into person_identity_links (identity_id, org_id, person_id, status, confidence, rule, trace, rule_set_version)
                select identity_id, org_id, person_id, 'superseded', confidence, rule, '[]', 2 from person_identity_links;
            analyze",
            org = world.org,
            connection = world.connection
        ))
        .await;
    let org = world.org;
    for (index, rest) in [
        ("person_identity_links_queue", "l.status = 'conflict' order by l.conflict_since, l.identity_id limit 51"),
        (
            "person_identity_links_by_confidence",
            "l.status in ('auto', 'conflict', 'confirmed') order by l.confidence, l.identity_id limit 51",
        ),
        (
            "person_identity_links_by_age",
            "l.status in ('auto', 'conflict', 'confirmed') order by l.created_at desc, l.identity_id desc limit 51",
        ),
        (
            "person_identity_links_past_by_confidence",
            "l.status in ('rejected', 'superseded') and l.status = 'superseded' order by l.confidence, l.id limit 51",
        ),
        (
            "person_identity_links_past_by_age",
            "l.status in ('rejected', 'superseded') and l.status = 'superseded' order by l.created_at, l.id limit 51",
        ),
    ] {
        let query = format!(
            "explain select * from person_identity_links l join identities i on i.id = l.identity_id join people p on p.id = l.person_id
            where l.org_id = '{org}' and i.deleted_at is null and {rest}"
        );
        let plan: Vec<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(query)).fetch_all(world.store().pool()).await.unwrap();
        let plan: Vec<String> = plan.into_iter().map(|line| line.0).collect();
        assert!(plan.iter().any(|line| line.contains(index)), "{index} is not used:\n{}", plan.join("\n"));
        assert!(!plan.iter().any(|line| line.contains("Seq Scan") || line.contains("Sort")), "{}", plan.join("\n"));
    }
}

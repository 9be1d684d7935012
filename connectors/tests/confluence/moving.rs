//! A space that changes while it is walked: whatever is in use at the end was handed on in its newest version.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::TimeDelta;
use chrono_tz::Tz;
use ovia_connectors::{Connector, PullRequest};
use ovia_domain::Entity;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::site::Site;
use crate::support::open_with;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// What happens between two pages.
#[derive(Clone, Debug)]
enum Event {
    Edit(u64),
    Add,
    Archive(u64),
    Trash(u64),
    Purge(u64),
    Restore(u64),
    Wait(i64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1u64..40).prop_map(Event::Edit),
        2 => Just(Event::Add),
        1 => (1u64..40).prop_map(Event::Archive),
        1 => (1u64..40).prop_map(Event::Trash),
        1 => (1u64..40).prop_map(Event::Purge),
        2 => (1u64..40).prop_map(Event::Restore),
        2 => (0i64..200).prop_map(Event::Wait),
    ]
}

/// In later walks a page does not leave and come back within one walk: then nothing the source offers shows an edit just before.
fn apply(site: &Site, event: &Event, newest: &mut u64, walks: usize, left_in: &mut BTreeMap<u64, usize>) {
    let find = |id: u64| site.state().items.iter().any(|item| item.id == id && item.status == "current");
    match event {
        Event::Edit(id) if find(*id) => site.edit(*id),
        Event::Add => {
            *newest += 1;
            site.add(*newest, "page");
        }
        Event::Archive(id) | Event::Trash(id) if find(*id) => {
            site.set_status(*id, if matches!(event, Event::Trash(_)) { "trashed" } else { "archived" });
            left_in.insert(*id, walks);
        }
        Event::Purge(id) => site.state().items.retain(|item| item.id != *id),
        // No new version: neither the search nor a list by time shows it.
        Event::Restore(id) if walks == 0 || left_in.get(id).is_none_or(|walk| *walk < walks) => {
            site.state().items.iter_mut().filter(|item| item.id == *id).for_each(|item| item.status = "current");
        }
        Event::Wait(minutes) => site.wait(TimeDelta::minutes(*minutes)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_walk_over_a_moving_space_loses_nothing(
        pages in 0u64..40,
        page_size in 1u32..12,
        zone in prop::sample::select(&["America/New_York", "Asia/Shanghai", "Asia/Kathmandu", "UTC"][..]),
        shows_zone in any::<bool>(),
        between in prop::collection::vec(prop::collection::vec(event(), 0..4), 0..40),
    ) {
        let site = Site::new(pages);
        {
            let mut state = site.state();
            state.zone = zone.parse::<Tz>().unwrap();
            state.shows_zone = shows_zone;
        }
        // newest version and status handed on, by page
        let mut stored: BTreeMap<u64, (i64, String)> = BTreeMap::new();
        let mut newest = 1_000;
        let (mut walks, mut left_in) = (0, BTreeMap::new());
        let mut between = between.into_iter();
        RUNTIME.block_on(async {
            let server = site.start().await;
            let connector = open_with(&server.uri(), json!({"page_size": page_size}));
            let mut cursor: Option<Value> = None;
            // a first walk and later ones while things change, and one after all has settled
            let mut quiet_walks = 0;
            for step in 0.. {
                assert!(step < 2_000, "the walks do not end");
                let page = connector.pull(PullRequest { stream: "pages", partition: "1", cursor: cursor.as_ref(), window: None }).await.unwrap();
                for record in &page.records {
                    let Some(Entity::Document(row)) = record.entities.iter().find(|entity| matches!(entity, Entity::Document(_))) else { continue };
                    let id: u64 = row.external_id.parse().unwrap();
                    stored.insert(id, (row.version_number, row.status.clone()));
                }
                cursor = Some(page.cursor);
                let is_quiet = between.len() == 0;
                if let Some(events) = between.next() {
                    events.iter().for_each(|event| apply(&site, event, &mut newest, walks, &mut left_in));
                }
                if page.done {
                    walks += 1;
                    quiet_walks += usize::from(is_quiet);
                    if quiet_walks == 2 {
                        break;
                    }
                }
            }
        });
        let missed: Vec<String> = site.state().items.iter()
            .filter(|item| stored.get(&item.id) != Some(&(item.version, item.status.to_owned())))
            .map(|item| format!("{item:?}: {:?}", stored.get(&item.id)))
            .collect();
        prop_assert!(missed.is_empty(), "{:?}", missed);
    }
}

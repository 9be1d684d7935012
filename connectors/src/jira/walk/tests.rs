#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// How the stand-in's page tokens work; the vendor does not say.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Tokens {
    /// Behind the last row.
    Value,
    /// So many rows into the list as it is then.
    Count,
}

/// A page's rows, and the token behind them.
type Answer = (Vec<(String, Option<DateTime<Utc>>)>, Option<String>);

/// A project's issues: when each was updated, in milliseconds.
struct Site {
    issues: BTreeMap<u32, i64>,
    tokens: Tokens,
    page_size: usize,
    /// Filters compare minutes.
    to_the_minute: bool,
}

impl Site {
    fn page(&self, search: &Search) -> Answer {
        let grain = if self.to_the_minute { 60_000 } else { 1 };
        let from = search.from.map_or(i64::MIN, |from| from.timestamp_millis() / grain * grain);
        let mut rows: Vec<(i64, u32)> = self.issues.iter().map(|(id, at)| (*at, *id)).filter(|(at, _)| *at >= from).collect();
        rows.sort_unstable();
        let skip = match (&search.token, self.tokens) {
            (None, _) => 0,
            (Some(token), Tokens::Count) => token.parse().unwrap(),
            (Some(token), Tokens::Value) => {
                let (at, id) = token.split_once('/').unwrap();
                let last: (i64, u32) = (at.parse().unwrap(), id.parse().unwrap());
                rows.iter().take_while(|row| **row <= last).count()
            }
        };
        let page: Vec<(i64, u32)> = rows.iter().skip(skip).take(self.page_size).copied().collect();
        let more = skip + page.len() < rows.len();
        let token = page.last().filter(|_| more).map(|(at, id)| match self.tokens {
            Tokens::Value => format!("{at}/{id}"),
            Tokens::Count => (skip + page.len()).to_string(),
        });
        (page.into_iter().map(|(at, id)| (id.to_string(), DateTime::from_timestamp_millis(at))).collect(), token)
    }

    /// Walks to the end; `between` runs after each page with the clock. What was seen of each issue last, and the walk's end.
    fn walk(
        &mut self,
        from: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
        mut between: impl FnMut(&mut Self, usize),
    ) -> (BTreeMap<u32, i64>, Search) {
        let (mut search, mut seen) = (Search::start(from), BTreeMap::new());
        for number in 0..5000 {
            let (rows, token) = self.page(&search);
            for (id, at) in &rows {
                seen.insert(id.parse().unwrap(), at.unwrap().timestamp_millis());
            }
            let keys: Vec<(&str, Option<DateTime<Utc>>)> = rows.iter().map(|(id, at)| (id.as_str(), *at)).collect();
            let facts = SearchFacts { rows: &keys, token: token.as_deref(), is_last: Some(token.is_none()) };
            between(self, number);
            // as between two attempts: through the stored cursor
            let stored: Search = serde_json::from_value(serde_json::to_value(&search).unwrap()).unwrap();
            match stored.after(&facts, now).unwrap() {
                Step::Done => {
                    let newest = search.newest.max(keys.iter().filter_map(|(_, at)| *at).max());
                    return (seen, Search { newest, began: Some(search.began.unwrap_or(now)), ..search });
                }
                Step::Go(next) => search = next,
            }
        }
        panic!("the walk does not end");
    }
}

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_774_742_400 + minutes * 60, 0).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever changes between two pages: after the walk and the one after it, every issue is known as it is.
    #[test]
    fn a_moving_list_with_many_issues_in_one_minute_loses_nothing(
        times in prop::collection::vec((0i64..6, 0i64..60_000), 1..60),
        crowd in 0u32..40,
        changes in prop::collection::vec((0usize..30, 0u32..100), 0..40),
        page_size in 1usize..9,
        by_count: bool,
        to_the_minute: bool,
    ) {
        let tokens = if by_count { Tokens::Count } else { Tokens::Value };
        let mut site = Site { issues: BTreeMap::new(), tokens, page_size, to_the_minute };
        let start = at(0).timestamp_millis();
        for (id, (minutes, millis)) in times.iter().enumerate() {
            site.issues.insert(id as u32, start + minutes * 20 * 60_000 + millis);
        }
        // a bulk edit: all in one minute
        for id in 1000..1000 + crowd {
            site.issues.insert(id, start + 30 * 60_000 + i64::from(id % 3));
        }
        let now = at(180);
        let mut clock = now.timestamp_millis();
        let mut moved = BTreeSet::new();
        let (mut known, walked) = site.walk(None, now, |site, number| {
            for (_, pick) in changes.iter().filter(|(when, _)| *when == number) {
                clock += 700;
                let ids: Vec<u32> = site.issues.keys().copied().collect();
                let id = ids[*pick as usize % ids.len()];
                site.issues.insert(id, clock);
                moved.insert(id);
            }
        });
        let resting: Vec<u32> = site.issues.keys().filter(|id| !moved.contains(id)).copied().collect();
        for id in &resting {
            prop_assert_eq!(known.get(id), site.issues.get(id), "issue {} did not move and was not seen", id);
        }
        let (again, _) = site.walk(walked.reached().map(|reached| reached - RECENT), at(240), |_, _| {});
        known.extend(again);
        let lost: Vec<u32> = site.issues.iter().filter(|(id, at)| known.get(id) != Some(at)).map(|(id, _)| *id).collect();
        prop_assert!(lost.is_empty(), "lost {lost:?}");
    }
}

fn facts<'a>(rows: &'a [(&'a str, Option<DateTime<Utc>>)], token: Option<&'a str>, is_last: Option<bool>) -> SearchFacts<'a> {
    SearchFacts { rows, token, is_last }
}

fn go(step: Step) -> Search {
    match step {
        Step::Go(next) => next,
        Step::Done => panic!("over"),
    }
}

#[test]
fn the_end_is_where_there_is_no_token_or_where_it_is_said() {
    let rows = [("1", Some(at(0)))];
    let ends = |token, is_last| Search::default().after(&facts(&rows, token, is_last), at(60)) == Ok(Step::Done);
    assert!(ends(None, Some(true)) && ends(None, None) && ends(Some("t"), Some(true)));
    assert!(!ends(Some("t"), Some(false)) && !ends(Some("t"), None));
    let recent = [("1", Some(at(59)))];
    assert_eq!(Search::default().after(&facts(&recent, None, Some(false)), at(60)), Err(WalkError::NoToken));
}

#[test]
fn an_empty_page_that_is_not_the_last_is_an_error_and_an_empty_last_one_is_not() {
    assert_eq!(Search::default().after(&facts(&[], Some("t"), Some(false)), at(60)), Err(WalkError::EmptyPage));
    assert_eq!(Search::default().after(&facts(&[], None, Some(true)), at(60)), Ok(Step::Done));
}

#[test]
fn a_repeated_token_ends_the_walk_also_after_a_circle() {
    let rows = [("1", Some(at(59)))];
    let mut search = Search::start(Some(at(58)));
    let tokens = ["a", "b", "c"].into_iter().cycle();
    let mut steps = 0;
    for token in tokens {
        steps += 1;
        match search.after(&facts(&rows, Some(token), Some(false)), at(60)) {
            Ok(step) => search = go(step),
            Err(error) => {
                assert_eq!(error, WalkError::RepeatedToken);
                break;
            }
        }
        assert!(steps < 20, "in circles");
    }
}

#[test]
fn a_dead_token_is_dropped_and_the_place_stays() {
    let rows = [("1", Some(at(58)))];
    let search = go(Search::start(Some(at(58))).after(&facts(&rows, Some("t"), Some(false)), at(60)).unwrap());
    let again = search.without_token().unwrap();
    assert_eq!((again.token.as_deref(), again.from), (None, Some(at(58))));
    assert_eq!(again.without_token(), None, "without a token it is another error");
}

#[test]
fn a_row_that_is_newer_than_the_index_does_not_hide_those_behind_it() {
    // sorted by what the index knew; the last row was changed since
    let rows = [("1", Some(at(0))), ("2", Some(at(1))), ("3", Some(at(59)))];
    let next = go(Search::default().after(&facts(&rows, Some("t"), Some(false)), at(60)).unwrap());
    assert_eq!((next.from, next.token), (Some(at(1)), None));
}

#[test]
fn a_list_that_is_not_sorted_is_walked_by_tokens() {
    let rows = [("1", Some(at(5))), ("2", Some(at(1)))];
    let next = go(Search::default().after(&facts(&rows, Some("t"), Some(false)), at(60)).unwrap());
    assert_eq!((next.unordered, next.token.as_deref()), (true, Some("t")));
}

#[test]
fn the_watermark_stays_below_the_sources_clock() {
    let search = Search { newest: Some(at(9999)), began: Some(at(60)), ..Search::default() };
    assert_eq!(search.reached(), Some(at(60)));
    let search = Search { newest: None, began: Some(at(60)), ..Search::default() };
    assert_eq!(search.reached(), None, "an empty walk proves nothing newer");
}

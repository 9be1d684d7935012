//! When and where an account is at work, next to another one.
//!
//! Colleagues work at the same hours in the same projects too, so that two accounts do says little: it helps a pair that something else
//! holds together already and that no other evidence settles. That two busy accounts never are at work at the same time says a little
//! more.

use crate::{
    features::{Id, Interner},
    outcome::{Family, Rule},
    types::Activity,
};

/// Actions below which the hours of an account are chance.
const LEAST: u32 = 20;
/// Actions of each from which on the absence of common hours says something.
const MUCH: u32 = 50;
/// Shares of activity at common hours, of 1.
const ALIKE: f64 = 0.7;
const DISJOINT: f64 = 0.15;
const TOGETHER: f64 = 0.4;
const APART: f64 = -0.8;

/// What is kept of an account's activity.
pub(crate) struct Rhythm {
    /// Shares of the day's hours, each spread over its neighbours; together 1.
    hours: [f32; 24],
    actions: u32,
    /// Ascending.
    projects: Box<[Id]>,
}

impl Rhythm {
    /// `None` for less activity than says anything.
    pub(crate) fn new(activity: &Activity, ids: &mut Interner) -> Option<Self> {
        let actions = activity.hours.iter().fold(0u32, |sum, hour| sum.saturating_add(*hour));
        if actions < LEAST {
            return None;
        }
        let mut hours = [0.0f32; 24];
        for (hour, count) in activity.hours.iter().enumerate() {
            let share = f64::from(*count) / f64::from(actions);
            // what is done at five to nine may as well be done at five past
            for (place, part) in [(hour, 0.5), ((hour + 1) % 24, 0.25), ((hour + 23) % 24, 0.25)] {
                hours[place] += (share * part) as f32;
            }
        }
        let mut projects: Vec<Id> = activity.projects.iter().map(|project| ids.id(&format!("project\n{project}"))).collect();
        projects.sort_unstable();
        projects.dedup();
        Some(Self { hours, actions, projects: projects.into() })
    }

    /// The share of activity at common hours, 0 to 1.
    fn overlap(&self, other: &Self) -> f64 {
        self.hours.iter().zip(&other.hours).map(|(one, other)| f64::from(one.min(*other))).sum()
    }

    fn share_a_project(&self, other: &Self) -> bool {
        let (few, many) = if self.projects.len() < other.projects.len() { (self, other) } else { (other, self) };
        few.projects.iter().any(|project| many.projects.binary_search(project).is_ok())
    }
}

/// What the two rhythms say. `is_common`: what else the two have in common is what many people have, so that colleagues would look like
/// this, too.
pub(crate) fn signal(one: Option<&Rhythm>, other: Option<&Rhythm>, is_common: bool) -> Option<(Rule, Family, f64)> {
    let (one, other) = (one?, other?);
    let overlap = one.overlap(other);
    if overlap <= DISJOINT && one.actions.min(other.actions) >= MUCH {
        return Some((Rule::OtherHours, Family::CoOccurrence, APART));
    }
    let is_alike = overlap >= ALIKE && one.share_a_project(other);
    (is_alike && !is_common).then_some((Rule::SameHours, Family::CoOccurrence, TOGETHER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rhythm(ids: &mut Interner, busy: std::ops::Range<usize>, each: u32, projects: &[&str]) -> Option<Rhythm> {
        let mut hours = [0; 24];
        busy.for_each(|hour| hours[hour % 24] = each);
        Rhythm::new(&Activity { hours, projects: projects.iter().map(|name| (*name).to_owned()).collect() }, ids)
    }

    #[test]
    fn the_same_hours_in_one_project_are_a_little_and_other_hours_a_little_against() {
        let mut ids = Interner::default();
        let day = rhythm(&mut ids, 7..15, 10, &["web", "api"]);
        let also_day = rhythm(&mut ids, 8..16, 4, &["api"]);
        let elsewhere = rhythm(&mut ids, 8..16, 4, &["docs"]);
        let night = rhythm(&mut ids, 19..26, 10, &["api"]);
        let of =
            |other: &Option<Rhythm>, is_common| signal(day.as_ref(), other.as_ref(), is_common).map(|(rule, _, log_odds)| (rule, log_odds));
        assert_eq!(of(&also_day, false), Some((Rule::SameHours, TOGETHER)));
        assert_eq!(of(&also_day, true), None, "colleagues work like this");
        assert_eq!(of(&elsewhere, false), None);
        assert_eq!((of(&night, false), of(&night, true)), (Some((Rule::OtherHours, APART)), Some((Rule::OtherHours, APART))));
    }

    #[test]
    fn a_few_actions_say_nothing() {
        let mut ids = Interner::default();
        assert!(rhythm(&mut ids, 7..15, 2, &["web"]).is_none());
        let (few, many) = (rhythm(&mut ids, 7..15, 3, &[]), rhythm(&mut ids, 20..24, 90, &[]));
        assert!(signal(few.as_ref(), many.as_ref(), false).is_none(), "24 actions may all be of one week on call");
    }
}

//! Issues: types, labels, milestones, some confidential.

use chrono::Duration;

use super::Span;
use super::dice::Dice;
use super::model::{Issue, Project, Time};
use super::people::People;
use super::titles;

const FIRST_ID: u64 = 150_000;

pub(super) fn generate(dice: &mut Dice, count: usize, span: Span, people: &People, projects: &[Project]) -> Vec<Issue> {
    let weights: Vec<u32> = projects.iter().map(|project| project.weight).collect();
    let mut starts: Vec<(Time, usize)> = (0..count).map(|_| (dice.working_time(span.start, span.end), dice.weighted(&weights))).collect();
    starts.sort_unstable();
    let authors: Vec<u64> = people.users.iter().filter(|user| !user.bot).map(|user| user.id).collect();
    let mut iids = vec![0u64; projects.len()];
    starts
        .into_iter()
        .enumerate()
        .map(|(index, (created_at, project))| {
            iids[project] += 1;
            let closed = created_at + dice.about_hours(120.0);
            let closed_at = (closed < span.end && dice.chance(0.8)).then_some(closed);
            let author = dice.pick(&authors);
            let touched = created_at + dice.about_hours(30.0);
            Issue {
                id: FIRST_ID + 9 * index as u64,
                iid: iids[project],
                project,
                title: titles::title(dice, index + 3),
                state: if closed_at.is_some() { "closed" } else { "opened" },
                issue_type: dice.pick(&["issue", "issue", "issue", "incident", "task", "test_case"]),
                author,
                assignees: if dice.chance(0.6) { vec![dice.pick(&authors)] } else { Vec::new() },
                labels: titles::labels(dice),
                milestone: dice.chance(0.3).then_some((index % 4) as u32),
                confidential: index % 17 == 4,
                weight: dice.chance(0.3).then(|| dice.between(1, 9)),
                due_on: dice.chance(0.2).then(|| (created_at + Duration::days(21)).date_naive()),
                created_at,
                updated_at: closed_at.unwrap_or(touched).max(created_at).min(span.end),
                closed_at,
                closed_by: closed_at.map(|_| author),
            }
        })
        .collect()
}

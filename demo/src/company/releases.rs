//! Releases: one a quarter and project, one of them still to come.

use chrono::Duration;

use super::Span;
use super::dice::{Dice, sha};
use super::model::{Project, Release};
use super::people::People;

pub(super) fn generate(dice: &mut Dice, span: Span, people: &People, projects: &[Project]) -> Vec<Release> {
    let authors: Vec<u64> = people.users.iter().filter(|user| !user.bot && !user.departed).map(|user| user.id).collect();
    let mut releases = Vec::new();
    for (project, owner) in projects.iter().enumerate() {
        for n in 0..4 {
            let released_at = span.start + Duration::days(40 + n * 90) + dice.millis(0, 86_400_000);
            releases.push(Release {
                project,
                tag: if n == 2 { format!("release/{}+{n}", owner.path) } else { format!("v1.{n}.0") },
                name: format!("{} 1.{n} – \"stable\"", owner.name),
                upcoming: false,
                author: dice.pick(&authors),
                sha: sha(70 + n as u64, owner.id),
                created_at: released_at - Duration::hours(1),
                released_at,
            });
        }
        if project == 0 {
            releases.push(Release {
                project,
                tag: "v2.0.0".to_owned(),
                name: "Web 2.0".to_owned(),
                upcoming: true,
                author: dice.pick(&authors),
                sha: sha(79, owner.id),
                created_at: span.end - Duration::days(2),
                released_at: span.end + Duration::days(60),
            });
        }
    }
    releases
}

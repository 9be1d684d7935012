//! Commits and diffs of one merge request.

use chrono::{Duration, SubsecRound};

use super::dice::{Dice, sha};
use super::model::{Commit, FileDiff, Time};

const FOLDERS: [&str; 6] = ["src", "lib/core", "app/views", "docs", "tests/unit", "infra/modules/größe"];
const FILES: [&str; 8] = ["main.rs", "index.ts", "orders.py", "README.md", "schema.sql", "values.yaml", "login form.vue", "Makefile"];

pub(super) struct Changes {
    /// Newest first, as GitLab lists them.
    pub commits: Vec<Commit>,
    pub files: Vec<FileDiff>,
}

/// Commits from some hours before `created` until `last`; none after `end`.
pub(super) fn generate(dice: &mut Dice, index: usize, created: Time, last: Time, author: u64, end: Time) -> Changes {
    let count = 1 + dice.about_hours(1.5).num_hours().min(12);
    let mut at = (created - dice.about_hours(3.0)).trunc_subsecs(0);
    let mut commits = Vec::with_capacity(count as usize);
    for n in 0..count {
        let committed_at = at.min(end).trunc_subsecs(0);
        let title = if n == 0 { "First cut".to_owned() } else { format!("Address review, part {n}") };
        // A rebase moves the committer's date only.
        let authored_at = if dice.chance(0.2) { committed_at - Duration::hours(5) } else { committed_at };
        commits.push(Commit { sha: sha(100 + n as u64, index as u64), title, author, authored_at, committed_at });
        let room = (last - at).num_milliseconds().max(120_000) / (count - n).max(1);
        at += dice.millis(60_000, room.max(60_001));
    }
    commits.reverse();
    Changes { commits, files: files(dice, index) }
}

fn files(dice: &mut Dice, index: usize) -> Vec<FileDiff> {
    let count = match index {
        // More than one page of diffs, by default size and by the largest.
        60 => 130,
        _ if index % 500 == 250 => 27,
        _ => 1 + dice.between(0, 5) as usize,
    };
    (0..count)
        .map(|n| {
            let path = format!("{}/{n}/{}", dice.pick(&FOLDERS), dice.pick(&FILES));
            let lines = dice.about_hours(9.0).num_hours() as u32 + 1;
            let too_large = index % 89 == 40 && n == 0;
            let collapsed = too_large || (index % 101 == 20 && n == 0);
            FileDiff { path, additions: lines, deletions: lines / 3, collapsed, too_large, new_file: n % 4 == 3 }
        })
        .collect()
}

/// The unified diff GitLab shows for a file: a hunk header and the lines, no file header. Some lines look like file headers.
pub(crate) fn diff_text(file: &FileDiff) -> String {
    if file.collapsed || file.too_large {
        return String::new();
    }
    let mut text = format!("@@ -1,{} +1,{} @@ fn main()\n context\n", file.deletions + 1, file.additions + 1);
    for n in 0..file.deletions {
        text.push_str(if n == 2 { "--- drop the old comment\n" } else { "-old line\n" });
    }
    for n in 0..file.additions {
        text.push_str(if n == 4 { "+++counter;\n" } else { "+new line\n" });
    }
    text
}

//! Words for titles and texts: plain ones, and the awkward ones that break naive parsers.

use super::dice::Dice;

const VERBS: [&str; 12] =
    ["Add", "Fix", "Refactor", "Remove", "Speed up", "Document", "Retry", "Validate", "Cache", "Simplify", "Upgrade", "Log"];
const THINGS: [&str; 20] = [
    "the login form",
    "order totals",
    "webhook delivery",
    "the search index",
    "nightly export",
    "session expiry",
    "currency rounding",
    "image uploads",
    "rate limits",
    "audit trail",
    "the retry queue",
    "feature flags",
    "tax rules",
    "invoice numbering",
    "dark mode",
    "date pickers",
    "CSV import",
    "connection pooling",
    "error pages",
    "the health check",
];
const AWKWARD: [&str; 8] = [
    "🚀 Ship the \"new\" checkout 🛒 — part 2",
    "Fix C:\\temp\\new path handling on Windows",
    "Supprimer l'étape « résumé » d'été",
    "修复登录页面的超时问题",
    "Handle \\n and \\u0000 in imported names",
    "A/B: <b>bold</b> &amp; \"quoted\" labels",
    "Revert \"Revert \"Cache order totals\"\"",
    "Zero\u{200b}width and e\u{301} combining marks",
];
const PACKAGES: [&str; 10] = ["serde", "react", "lodash", "postgres", "terraform-aws", "rustls", "numpy", "vite", "tokio", "eslint"];

pub(super) const LABELS: [&str; 12] = [
    "backend",
    "frontend",
    "bug",
    "tech-debt",
    "priority::1",
    "priority::2",
    "team::payments",
    "needs design",
    "Größe: M",
    "security",
    "documentation",
    "客户",
];

pub(super) fn title(dice: &mut Dice, index: usize) -> String {
    if index % 23 == 7 {
        return AWKWARD[(index / 23) % AWKWARD.len()].to_owned();
    }
    format!("{} {}", dice.pick(&VERBS), dice.pick(&THINGS))
}

pub(super) fn dependency_title(dice: &mut Dice) -> String {
    format!("Update dependency {} to v{}.{}.{}", dice.pick(&PACKAGES), dice.between(1, 20), dice.between(0, 30), dice.between(0, 9))
}

/// Lower case, ASCII, hyphens: as a branch name.
pub(super) fn branch(title: &str, index: usize) -> String {
    let mut slug: String = title
        .chars()
        .filter_map(|c| {
            if c.is_ascii_alphanumeric() {
                Some(c.to_ascii_lowercase())
            } else if c == ' ' {
                Some('-')
            } else {
                None
            }
        })
        .collect();
    slug.truncate(30);
    format!("{index}-{}", slug.trim_matches('-'))
}

pub(super) fn labels(dice: &mut Dice) -> Vec<&'static str> {
    let mut labels: Vec<&'static str> = (0..dice.between(0, 4)).map(|_| dice.pick(&LABELS)).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

pub(super) fn comment(dice: &mut Dice) -> String {
    dice.pick(&[
        "Could we cover this with a test?",
        "nit: naming. Otherwise fine.",
        "Why not reuse the helper in `lib/`?\n\n```\nlet x = helper();\n```",
        "LGTM 👍",
        "This breaks when the list is empty — see \"edge cases\".",
        "Please rebase; the base branch moved.",
        "これは素晴らしいですね。",
        "approved this merge request (by voice, will click later)",
    ])
    .to_owned()
}

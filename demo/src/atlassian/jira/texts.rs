//! Words for issues: plain ones, and those that break naive parsers.

use crate::company::dice::Dice;

const VERBS: [&str; 8] = ["Allow", "Fix", "Investigate", "Redesign", "Speed up", "Document", "Retire", "Translate"];
const THINGS: [&str; 12] = [
    "guest checkout",
    "price rounding",
    "the address form",
    "search suggestions",
    "refunds",
    "the onboarding mail",
    "export of invoices",
    "session handling",
    "image loading",
    "tax for gift cards",
    "alerts at night",
    "the cookie banner",
];
const AWKWARD: [&str; 6] = [
    "🚀 \"Ship it\" – Größe & Maß <b>prüfen</b>",
    "登录页面超时",
    "Handle \\n, \\u0000 and C:\\temp",
    "Supprimer l'étape « résumé »",
    "Zero\u{200b}width and e\u{301}",
    "Two  spaces   inside",
];
const LABELS: [&str; 8] = ["backend", "frontend", "customer", "tech-debt", "größe-m", "客户", "quick_win", "needs:design"];

pub(super) fn summary(dice: &mut Dice, index: usize) -> String {
    if index % 29 == 9 { AWKWARD[index / 29 % AWKWARD.len()].to_owned() } else { format!("{} {}", dice.pick(&VERBS), dice.pick(&THINGS)) }
}

pub(super) fn description(dice: &mut Dice, index: usize) -> String {
    format!("As seen by customers, case {index}. We want {}; today it is slow and \"odd\".", dice.pick(&THINGS))
}

pub(super) fn labels(dice: &mut Dice) -> Vec<String> {
    let mut labels: Vec<String> = (0..dice.between(0, 3)).map(|_| dice.pick(&LABELS).to_owned()).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

//! Measures the engine on labelled accounts: what it reaches, and what each kind of evidence is worth. For work on the table of log-odds;
//! `ovia match-eval` is the verb for results.
//!
//! `cargo run --release --example labelled -p ovia-matching -- FILE.jsonl…`

use std::collections::BTreeMap;

use ovia_domain::IdentityId;
use ovia_matching::{
    Evidence, Inputs, MatchConfig, Thresholds,
    evaluation::{self, LabelledRow},
    match_identities,
};

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let signatures = std::env::args().any(|arg| arg == "--signatures");
    let mut all: BTreeMap<String, BTreeMap<String, (usize, usize)>> = BTreeMap::new();
    let mut ranges: BTreeMap<i64, (usize, usize)> = BTreeMap::new();
    for file in &files {
        let name = file.rsplit('/').next().unwrap_or(file).to_owned();
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let rows: Vec<LabelledRow> =
            text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{file}: {error}"))).collect();
        let identities = evaluation::identities(&rows);
        let mut config = MatchConfig::default();
        if let Some(auto) = std::env::var("AUTO").ok().and_then(|text| text.parse().ok()) {
            config.thresholds.auto = auto;
        }
        let output = match_identities(&identities, &Inputs::default(), &config);
        let found = evaluation::evaluate(&rows, &output);
        let show = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
        println!(
            "{name:18} P {} R {} F1 {} | B3 F1 {} | hard {} | conflicts {} ({} right) | Brier {} ECE {} | largest {}",
            show(found.pairwise.precision),
            show(found.pairwise.recall),
            show(found.pairwise.f1),
            show(found.b_cubed.f1),
            show(found.hard_recall),
            found.conflicts,
            found.conflicts_right,
            show(found.brier),
            show(found.ece),
            found.largest_cluster,
        );
        if std::env::args().any(|arg| arg == "--predictions") {
            let lines: Vec<String> =
                evaluation::predictions(&rows, &output).into_iter().map(|(id, cluster)| format!("{id}\t{cluster}\n")).collect();
            std::fs::write(format!("/tmp/{name}.tsv"), lines.concat()).unwrap_or_else(|error| panic!("{error}"));
        }
        if signatures {
            let persons: std::collections::HashMap<IdentityId, &str> =
                identities.iter().zip(&rows).map(|(identity, row)| (identity.id, row.truth_person.as_str())).collect();
            let config = MatchConfig { thresholds: Thresholds { auto: 1.0, conflict: 0.02 }, ..MatchConfig::default() };
            let output = match_identities(&identities, &Inputs::default(), &config);
            let mut seen = std::collections::HashSet::new();
            for link in &output.links {
                for candidate in &link.candidates {
                    if !seen.insert((link.identity.min(candidate.identity), link.identity.max(candidate.identity))) {
                        continue;
                    }
                    let right = persons[&link.identity] == persons[&candidate.identity];
                    let entry = all.entry(signature(&candidate.trace)).or_default().entry(name.clone()).or_default();
                    entry.0 += usize::from(right);
                    entry.1 += 1;
                    let total: f64 = candidate.trace.iter().map(|evidence| evidence.log_odds).sum();
                    let range = ranges.entry((total * 2.0).floor() as i64).or_default();
                    range.0 += usize::from(right);
                    range.1 += 1;
                }
            }
        }
    }
    for (signature, sets) in all {
        let (right, count) = sets.values().fold((0, 0), |(right, count), set| (right + set.0, count + set.1));
        let sets: Vec<String> =
            sets.iter().map(|(set, (right, count))| format!("{} {right}/{count}", set.trim_end_matches(".jsonl"))).collect();
        println!("{:.3} {right:5}/{count:5}  {signature}   [{}]", right as f64 / count as f64, sets.join(", "));
    }
    for (range, (right, count)) in ranges {
        println!("log-odds {:5.1}: {right}/{count} = {:.3}", range as f64 / 2.0, right as f64 / count as f64);
    }
}

/// The rules that took part, with the log-odds of the leading one.
fn signature(trace: &[Evidence]) -> String {
    let parts = trace.iter().enumerate().map(|(place, evidence)| {
        if place == 0 {
            format!("{} {:.1}", evidence.rule.as_str(), evidence.log_odds)
        } else {
            format!("{}{}", if evidence.log_odds < 0.0 { "−" } else { "+" }, evidence.rule.as_str())
        }
    });
    parts.collect::<Vec<_>>().join(" ")
}

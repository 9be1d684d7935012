//! How long matching takes on one core; `make bench ARGS=matching` is the measured one.
//!
//! `cargo run --release --example speed -p ovia-matching -- [SIZE…] [--wrong]`; `--wrong` says which evidence holds wrong links.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use ovia_matching::{Inputs, LinkClass, MatchConfig, MatchOutput, Matcher, generated, match_identities};

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    for size in sizes {
        let organisation = generated::organisation(size + 50, 7);
        let mut matcher = Matcher::new(MatchConfig::default());
        let (begun, cpu) = (Instant::now(), cpu_milliseconds());
        let first = matcher.run(&organisation.identities[..size], &Inputs::default());
        let (full, full_cpu) = (begun.elapsed(), cpu_milliseconds() - cpu);
        let (begun, cpu) = (Instant::now(), cpu_milliseconds());
        let output = matcher.run(&organisation.identities, &Inputs::default());
        let (more, more_cpu) = (begun.elapsed(), cpu_milliseconds() - cpu);
        if std::env::args().any(|arg| arg == "--wrong") {
            wrong(&organisation, &output);
        }
        let mut sizes: HashMap<usize, usize> = HashMap::new();
        output.links.iter().for_each(|link| *sizes.entry(organisation.person_of[&link.identity]).or_default() += 1);
        let there: usize = sizes.values().map(|size| size * (size - 1) / 2).sum();
        let questions = output.links.iter().filter(|link| link.class == LinkClass::Conflict).count();
        let (mut linked, mut right) = (0usize, 0usize);
        for cluster in &output.clusters {
            for (index, a) in cluster.members.iter().enumerate() {
                for b in &cluster.members[index + 1..] {
                    linked += 1;
                    right += usize::from(organisation.person_of[a] == organisation.person_of[b]);
                }
            }
        }
        let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let memory = memory.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default().to_owned();
        let same = output == match_identities(&organisation.identities, &Inputs::default(), &MatchConfig::default());
        println!(
            "{size}: full {full:.2?} ({full_cpu:.0} ms of processor), 50 more {more:.2?} ({more_cpu:.0} ms), as a full run: {same}, {memory}, {} clusters, precision {:.4}, recall {:.4}, {questions} questions",
            first.clusters.len(),
            right as f64 / linked.max(1) as f64,
            right as f64 / there.max(1) as f64,
        );
    }
}

/// Links that lead to another person, by their evidence; the first of each as an example.
fn wrong(organisation: &generated::Organisation, output: &MatchOutput) {
    let shown = |id| {
        let identity = organisation.identities.iter().find(|identity| identity.id == id);
        identity.map(|identity| (&identity.source, &identity.username, &identity.display_name, &identity.email))
    };
    let mut found: BTreeMap<Vec<String>, (usize, usize, String)> = BTreeMap::new();
    for link in output.links.iter().filter(|link| link.class == LinkClass::Auto) {
        let Some(with) = link.trace.first().and_then(|evidence| evidence.with) else { continue };
        let is_wrong = organisation.person_of[&link.identity] != organisation.person_of[&with];
        let signature = link.trace.iter().map(|evidence| format!("{} {:.1}", evidence.rule.as_str(), evidence.log_odds)).collect();
        let entry = found.entry(signature).or_default();
        entry.0 += 1;
        entry.1 += usize::from(is_wrong);
        if is_wrong && entry.2.is_empty() {
            entry.2 = format!("{:?} {:?}", shown(link.identity), shown(with));
        }
    }
    let mut found: Vec<_> = found.into_iter().filter(|(_, (_, wrong, _))| *wrong > 0).collect();
    found.sort_by_key(|(_, (_, wrong, _))| std::cmp::Reverse(*wrong));
    for (signature, (all, wrong, example)) in found.iter().take(25) {
        println!("{wrong}/{all} {signature:?} {example}");
    }
}

/// What the thread has used so far; on a busy machine it says more than the clock.
fn cpu_milliseconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or_default() / 1e6
}

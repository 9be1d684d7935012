//! How long matching takes on one core; `make bench ARGS=matching` is the measured one.
//!
//! `cargo run --release --example speed -p ovia-matching -- [SIZE…]`

use std::time::Instant;

use ovia_matching::{Inputs, MatchConfig, Matcher, generated, match_identities};

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
            "{size}: full {full:.2?} ({full_cpu:.0} ms of processor), 50 more {more:.2?} ({more_cpu:.0} ms), as a full run: {same}, {memory}, {} clusters, precision {:.4}",
            first.clusters.len(),
            right as f64 / linked.max(1) as f64,
        );
    }
}

/// What the thread has used so far; on a busy machine it says more than the clock.
fn cpu_milliseconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or_default() / 1e6
}

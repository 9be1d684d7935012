//! Matching without a database: invented organisations of several sizes, and fifty new accounts on top of many.

use std::time::Instant;

use anyhow::Context;
use ovia_matching::{Inputs, MatchConfig, Matcher, generated, match_identities};

use crate::report::{Figure, Report};

const SIZES: [usize; 4] = [1_000, 10_000, 50_000, 200_000];
const NEW: usize = 50;

/// `scale` times the usual sizes.
pub fn measure(report: &mut Report, scale: f64) -> anyhow::Result<()> {
    for usual in SIZES {
        let size = ((usual as f64 * scale) as usize).max(NEW + 1);
        let organisation = generated::organisation(size, 7);
        let before = memory("VmRSS")?;
        // the most since here, where the system lets it be reset
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let begun = Instant::now();
        let output = match_identities(&organisation.identities, &Inputs::default(), &MatchConfig::default());
        let seconds = begun.elapsed().as_secs_f64();
        anyhow::ensure!(output.links.len() == size, "{} links of {size} accounts", output.links.len());
        let target = if usual == 50_000 { "< 1 s" } else { "" };
        report.add(Figure::value(&format!("matching {size} accounts"), seconds, "s").with_target(target));
        let target = if usual == 50_000 { "< 300 MB" } else { "" };
        let megabytes = (memory("VmHWM")? - before).max(0.0);
        report.add(Figure::value(&format!("matching {size} accounts, memory beside the accounts"), megabytes, "MB").with_target(target));
    }
    let size = ((50_000.0 * scale) as usize).max(2 * NEW);
    let organisation = generated::organisation(size + NEW, 7);
    let mut matcher = Matcher::new(MatchConfig::default());
    let known = matcher.run(&organisation.identities[..size], &Inputs::default());
    anyhow::ensure!(known.links.len() == size, "{} links of {size} accounts", known.links.len());
    let begun = Instant::now();
    let output = matcher.run(&organisation.identities, &Inputs::default());
    let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
    anyhow::ensure!(output == match_identities(&organisation.identities, &Inputs::default(), &MatchConfig::default()), "not as a full run");
    report.add(Figure::value(&format!("matching {NEW} new accounts on top of {size}"), milliseconds, "ms").with_target("< 50 ms"));
    Ok(())
}

/// In megabytes.
fn memory(name: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).context("the system does not say")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

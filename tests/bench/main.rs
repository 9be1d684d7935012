//! `make bench`: figures and ratios taken in one run on one machine. Nothing is asserted; the numbers are for reading.
//!
//! `bench [PART…] [--scale F]`: the parts named, all of them without a name; F times the usual sizes.

mod backfill;
mod fleet;
mod kpi;
mod kpi_company;
mod matching;
mod noop;
mod ovia;
mod plain;
mod postgres;
mod release;
mod report;
mod sse;
mod syncs;
mod system;

use anyhow::Context;
use report::Report;

const PARTS: [&str; 9] = ["lists", "details", "noop", "release", "fleet", "sse", "backfill", "matching", "kpi"];

/// What was asked for.
struct Asked {
    parts: Vec<&'static str>,
    scale: f64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // the watchers of event streams are this process
    rlimit::increase_nofile_limit(u64::MAX)?;
    let asked = Asked::parse(std::env::args().skip(1))?;
    let mut report = Report::new();
    let mut failed = Vec::new();
    for part in asked.parts {
        let rows = |usual: usize| Asked::scaled(usual, asked.scale);
        let measured = match part {
            "lists" => syncs::lists(&mut report, rows(50_000)).await,
            "details" => syncs::details(&mut report, rows(3_000)).await,
            "noop" => noop::measure(&mut report, rows(50_000)).await,
            "release" => release::measure(&mut report, rows(2_000)).await,
            "fleet" => fleet::measure(&mut report, rows(200)).await,
            "sse" => sse::measure(&mut report, rows(1_000)).await,
            "matching" => matching::measure(&mut report, asked.scale),
            "kpi" => kpi::measure(&mut report, rows(1_000_000)).await,
            _ => backfill::measure(&mut report, rows(500_000)).await,
        };
        // what the other parts measure is worth having all the same
        if let Err(error) = measured {
            eprintln!("{part}: {error:#}");
            failed.push(part);
        }
    }
    report.print();
    anyhow::ensure!(failed.is_empty(), "could not be measured: {}", failed.join(", "));
    Ok(())
}

impl Asked {
    fn parse(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut asked = Self { parts: Vec::new(), scale: 1.0 };
        while let Some(word) = words.next() {
            if word == "--scale" {
                asked.scale = words.next().and_then(|text| text.parse().ok()).context("--scale takes a number, as 0.1")?;
                continue;
            }
            let part = PARTS.into_iter().find(|part| *part == word);
            asked.parts.push(part.with_context(|| format!("there is no part `{word}`; there are {}", PARTS.join(", ")))?);
        }
        if asked.parts.is_empty() {
            asked.parts = PARTS.to_vec();
        }
        Ok(asked)
    }
    fn scaled(usual: usize, scale: f64) -> usize {
        ((usual as f64 * scale) as usize).max(1)
    }
}

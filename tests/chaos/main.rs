//! `make chaos`: everything is killed at random, and the end state has to be the truth all the same.

use std::{process::ExitCode, time::Duration};

use ovia_tests::chaos::{ChaosOptions, ChaosReport, chaos};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: chaos [--seed N] [--minutes M] [--kills K] [--freezes F] [--records R] [--logs DIR] [--json]";

#[tokio::main]
async fn main() -> ExitCode {
    let (options, json) = match parse(std::env::args().skip(1)) {
        Ok(parsed) => parsed,
        Err(wrong) => {
            eprintln!("{wrong}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    eprintln!("chaos: seed {}", options.seed);
    // dropping the run ends everything it started
    let ended = tokio::select! {
        ended = chaos(options) => ended,
        () = asked_to_stop() => {
            eprintln!("chaos: stopped");
            return ExitCode::from(130);
        }
    };
    match ended {
        Ok(report) => show(&report, json),
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn show(report: &ChaosReport, json: bool) -> ExitCode {
    match serde_json::to_string_pretty(report) {
        Ok(text) if json => println!("{text}"),
        _ => print!("{report}"),
    }
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<(ChaosOptions, bool), String> {
    let mut options = ChaosOptions::full(uuid::Uuid::new_v4().as_u64_pair().0 >> 16);
    let mut json = false;
    while let Some(name) = args.next() {
        if name == "--json" {
            json = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
        let wrong = |_| format!("{name}: {value} is not a number");
        match name.as_str() {
            "--seed" => options.seed = value.parse().map_err(wrong)?,
            "--minutes" => {
                options.chaos = Duration::from_secs_f64(60.0 * value.parse::<f64>().map_err(|_| format!("{name}: not a number"))?)
            }
            "--kills" => options.kills = value.parse().map_err(wrong)?,
            "--freezes" => options.freezes = value.parse().map_err(wrong)?,
            "--logs" => options.logs = Some(value.into()),
            "--records" => options.records = value.parse().map_err(wrong)?,
            _ => return Err(format!("there is no option {name}")),
        }
    }
    if options.chaos > Duration::from_secs(8 * 60) {
        return Err("--minutes: at most 8, and two more to settle".into());
    }
    Ok((options, json))
}

async fn asked_to_stop() {
    let ended = async |kind| match signal(kind) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        () = ended(SignalKind::interrupt()) => {}
        () = ended(SignalKind::terminate()) => {}
    }
}

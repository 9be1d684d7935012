//! `ovia demo`: `dev`, the demo company, and one complete pass: connect, sync, match, roll up.

use std::time::Instant;

use clap::{Args, ValueEnum};

use super::{
    demo_company::DemoCompany,
    demo_pass::{self, Pass},
    demo_summary::Summary,
    dev::{self, DevArgs},
};
use crate::{
    app::Global,
    config::{Needs, Settings},
    exit::{CliError, CliResult, Exit},
    logging,
    output::{RunProgress, print, print_json},
    services::Environment,
    shutdown,
};

#[derive(Debug, Args)]
pub struct DemoArgs {
    #[command(flatten)]
    dev: DevArgs,
    /// Stop everything after the pass.
    #[arg(long)]
    exit: bool,
    /// How large a company to make, at the first start on a data directory.
    #[arg(long, value_enum, default_value_t = Size::Full)]
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Size {
    /// 60 people, 3,000 merge requests.
    Full,
    /// 12 people, 120 merge requests.
    Small,
}

pub async fn run(global: &Global, args: &DemoArgs) -> CliResult {
    let started_at = Instant::now();
    let settings = Settings::load(Needs::Nothing)?;
    logging::start(&settings.log, settings.log_format)?;
    let stop = shutdown::token()?;
    let interrupted = || CliError::new(Exit::Cancelled, "interrupted");
    let mut environment = tokio::select! {
        started = dev::start(global, &args.dev, &settings) => started?,
        () = stop.cancelled() => return Err(interrupted()),
    };
    let shown = tokio::select! {
        shown = show(global, args, &environment, started_at) => shown.map(Some),
        () = stop.cancelled() => Err(interrupted()),
    };
    // The company serves until the end: later syncs need it.
    let (ended, company) = match shown {
        Ok(Some(company)) if !args.exit => (serve(&mut environment, &stop).await, Some(company)),
        Ok(company) => (Ok(()), company),
        Err(error) => (Err(error), None),
    };
    eprintln!("Stopping.");
    environment.stop().await;
    drop(company);
    ended
}

/// One pass, and what it found, printed.
async fn show(global: &Global, args: &DemoArgs, environment: &Environment, started_at: Instant) -> CliResult<DemoCompany> {
    eprintln!("Starting the demo company.");
    let company = DemoCompany::start(&environment.files, args.size).await?;
    eprintln!("Connecting to it, syncing, matching, rolling up.");
    let pass: Pass = demo_pass::run(&environment.client, &company, || RunProgress::new(false)).await?;
    let to_first_kpi = pass.first_kpi_at - started_at;
    let summary = Summary::new(environment, &company, pass, to_first_kpi);
    if global.json {
        print_json(&summary)?;
    } else {
        print(&summary.to_text(&dev::token_text(environment, global)))?;
    }
    Ok(company)
}

async fn serve(environment: &mut Environment, stop: &tokio_util::sync::CancellationToken) -> CliResult {
    eprintln!("Serving until Ctrl-C.");
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        error = environment.ended() => Err(error),
    }
}

//! The command line, and which function does what.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{commands, exit::CliResult};

/// Self-hosted engineering intelligence: Jira, GitLab and Confluence synced into Postgres, accounts matched to people, KPIs that open down to
/// their source rows.
#[derive(Debug, Parser)]
#[command(name = "ovia", version, after_help = crate::exit::EXIT_CODES_HELP, propagate_version = true, max_term_width = 120)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Print JSON (its shape is stable) instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// The API's address [default: that of the `ovia dev` running on the data directory].
    #[arg(long, global = true, env = "OVIA_API_URL", value_name = "URL", hide_env_values = true)]
    pub api_url: Option<String>,
    /// The API token; OVIA_TOKEN keeps it off the command line [default: that of the data directory].
    #[arg(long, global = true, env = "OVIA_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Where `dev` and `demo` keep the engines' data.
    #[arg(long, global = true, env = "OVIA_DATA_DIR", hide_env_values = true, value_name = "DIR", default_value = ".ovia/data")]
    pub data_dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start PostgreSQL, Temporal, the API and a worker, and serve until Ctrl-C.
    Dev(commands::dev::DevArgs),
    /// `dev`, and a demo company synced, matched and measured.
    Demo(commands::demo::DemoArgs),
    /// Serve the API (on your own PostgreSQL and Temporal).
    Api,
    /// Run a worker (on your own PostgreSQL and Temporal).
    Worker,
    /// Bring the database's schema up to date.
    Migrate,
    /// Print the API's OpenAPI document.
    Openapi,
    /// Succeed if a URL answers with success: for containers' health checks.
    #[command(hide = true)]
    Healthcheck(commands::healthcheck::HealthcheckArgs),
    /// The sources Ovia can connect to.
    #[command(subcommand)]
    Connectors(commands::connectors::ConnectorsCommand),
    /// Configured sources.
    #[command(subcommand)]
    Connections(commands::connections::ConnectionsCommand),
    /// Sync a connection now.
    Sync(commands::sync::SyncArgs),
    /// Fetch a stretch of the past, beside the live syncs.
    Backfill(commands::backfill::BackfillArgs),
    /// Mark what the source no longer has as deleted.
    Census(commands::census::CensusArgs),
    /// Syncs, matching runs and KPI rollups.
    #[command(subcommand)]
    Runs(commands::runs::RunsCommand),
    /// When runs start by themselves.
    #[command(subcommand)]
    Schedule(commands::schedule::ScheduleCommand),
    /// Stops scheduled and background work.
    #[command(subcommand)]
    KillSwitch(commands::kill_switch::KillSwitchCommand),
    /// Records that could not be read or stored.
    #[command(subcommand)]
    DeadLetters(commands::dead_letters::DeadLettersCommand),
    /// Read what a source sent again, without the network.
    Replay(commands::replay::ReplayArgs),
    /// What people did.
    #[command(subcommand)]
    Audit(commands::audit::AuditCommand),
    /// People, as matched from accounts, and what is decided about them.
    #[command(subcommand)]
    People(commands::people::PeopleCommand),
    /// Who is in which team, and when.
    #[command(subcommand)]
    Teams(commands::teams::TeamsCommand),
    /// How good matching is on labelled accounts: for developers.
    MatchEval(commands::match_eval::MatchEvalArgs),
    /// Epics, stories, bugs and tasks.
    #[command(subcommand)]
    WorkItems(commands::work_items::WorkItemsCommand),
    /// KPIs.
    #[command(subcommand)]
    Kpi(commands::kpi::KpiCommand),
    /// What needs attention.
    #[command(subcommand)]
    Risks(commands::risks::RisksCommand),
    /// Whether the data can be trusted.
    #[command(subcommand)]
    Quality(commands::quality::QualityCommand),
    /// Daily and weekly digests.
    #[command(subcommand)]
    Reports(commands::reports::ReportsCommand),
}

/// Parses the command line and runs the command. Wrong usage ends the process with exit code 2.
pub async fn run() -> CliResult {
    let Cli { global, command } = Cli::parse();
    if !matches!(command, Command::Dev(_) | Command::Demo(_) | Command::Api | Command::Worker | Command::Migrate) {
        commands::operator_logging()?;
    }
    match command {
        Command::Dev(args) => commands::dev::run(&global, &args).await,
        Command::Demo(args) => commands::demo::run(&global, &args).await,
        Command::Api => commands::api::run().await,
        Command::Worker => commands::worker::run().await,
        Command::Migrate => commands::migrate::run(&global).await,
        Command::Openapi => commands::openapi::run(),
        Command::Healthcheck(args) => commands::healthcheck::run(&args).await,
        Command::Connectors(command) => commands::connectors::run(&global, &command).await,
        Command::Connections(command) => commands::connections::run(&global, &command).await,
        Command::Sync(args) => commands::sync::run(&global, &args).await,
        Command::Backfill(args) => commands::backfill::run(&global, &args).await,
        Command::Census(args) => commands::census::run(&global, &args).await,
        Command::Runs(command) => commands::runs::run(&global, &command).await,
        Command::Schedule(command) => commands::schedule::run(&global, &command).await,
        Command::KillSwitch(command) => commands::kill_switch::run(&global, &command).await,
        Command::DeadLetters(command) => commands::dead_letters::run(&global, &command).await,
        Command::Replay(args) => commands::replay::run(&global, &args).await,
        Command::Audit(command) => commands::audit::run(&global, &command).await,
        Command::People(command) => commands::people::run(&global, &command).await,
        Command::Teams(command) => commands::teams::run(&global, &command).await,
        Command::MatchEval(args) => commands::match_eval::run(&global, &args),
        Command::WorkItems(command) => commands::work_items::run(&global, &command).await,
        Command::Kpi(command) => commands::kpi::run(&global, &command).await,
        Command::Risks(command) => commands::risks::run(&global, &command).await,
        Command::Quality(command) => commands::quality::run(&global, &command).await,
        Command::Reports(command) => commands::reports::run(&global, &command).await,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// The verbs in the first column of a table of docs/cli.md: `ovia runs list\|show` is two, `ovia sync CONNECTION` is one.
    fn documented() -> BTreeSet<String> {
        let page = include_str!("../../docs/cli.md");
        let first = page.lines().filter_map(|line| line.strip_prefix("| `ovia ")).filter_map(|line| line.split("` | ").next());
        let written = first.flat_map(|cell| cell.split("`, `ovia ")).flat_map(|verb| {
            let mut words = verb.split(' ');
            let name = words.next().unwrap_or_default().to_owned();
            let below = words.next().filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
            match below {
                Some(below) => below.split("\\|").map(|below| format!("{name} {below}")).collect(),
                None => vec![name],
            }
        });
        written.collect()
    }

    #[test]
    fn the_page_of_the_command_line_has_every_verb_and_no_other() {
        let cli = Cli::command();
        let verbs = cli.get_subcommands().filter(|verb| !verb.is_hide_set()).flat_map(|verb| {
            let below: Vec<String> = verb.get_subcommands().map(|below| format!("{} {}", verb.get_name(), below.get_name())).collect();
            if below.is_empty() { vec![verb.get_name().to_owned()] } else { below }
        });
        assert_eq!(documented(), verbs.collect());
    }

    #[test]
    fn help_shows_no_secret_from_the_environment() {
        let help = Cli::command().render_long_help().to_string();
        assert!(help.contains("Exit codes:"));
        assert!(help.contains("OVIA_TOKEN"));
    }
}

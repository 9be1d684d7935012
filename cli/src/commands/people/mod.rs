//! `ovia people`: who works here, which accounts are theirs and why, and what people decide about it.

mod config;
mod decide;
mod figures;
mod lists;
mod reference;
mod review;
mod sheets;
mod show;

use clap::Subcommand;

pub use reference::person;
pub use sheets::{confirm_hint, csv_errors, read_file};

use crate::{app::Global, client::target, exit::CliResult};

#[derive(Debug, Subcommand)]
pub enum PeopleCommand {
    /// List people and their accounts.
    List(lists::ListArgs),
    /// Show one person: accounts and why they are theirs, teams, what was decided.
    Show(show::ShowArgs),
    /// List which account is whose, how sure that is, and why.
    Mappings(lists::MappingsArgs),
    /// List the accounts that a person has to decide about, both sides beside each other.
    Conflicts(lists::ConflictsArgs),
    /// Go through the conflicts one by one and decide.
    Review(review::ReviewArgs),
    /// An account is this person's.
    Confirm(decide::ConfirmArgs),
    /// An account is another person's, or a new one's.
    Remap(decide::RemapArgs),
    /// Some of a person's accounts are another person.
    Split(decide::SplitArgs),
    /// Two people are one.
    Merge(decide::MergeArgs),
    /// Two accounts (or people) are never one person.
    Never(decide::NeverArgs),
    /// Take a decision back: all is as it was before it.
    Undo(decide::UndoArgs),
    /// Confirm every link that is sure enough; says first what it would do.
    BulkConfirm(decide::BulkArgs),
    /// Write which account is whose as CSV, for a spreadsheet.
    Export(sheets::ExportArgs),
    /// Take the decisions of a changed export; says first what it would do.
    Import(sheets::ImportArgs),
    /// How many accounts are matched, by source, and how long the queue is.
    Stats,
    /// List what was decided, newest first.
    Decisions(lists::DecisionsArgs),
    /// List what changed about accounts and people, newest first.
    Events(lists::EventsArgs),
    /// Thresholds, weights and switches of matching.
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

pub async fn run(global: &Global, command: &PeopleCommand) -> CliResult {
    let (client, json) = (target(global)?, global.json);
    match command {
        PeopleCommand::List(args) => lists::people(&client, args, json).await,
        PeopleCommand::Show(args) => show::run(&client, args, json).await,
        PeopleCommand::Mappings(args) => lists::mappings(&client, args, json).await,
        PeopleCommand::Conflicts(args) => lists::conflicts(&client, args, json).await,
        PeopleCommand::Review(args) => review::run(&client, args, json).await,
        PeopleCommand::Confirm(args) => decide::confirm(&client, args, json).await,
        PeopleCommand::Remap(args) => decide::remap(&client, args, json).await,
        PeopleCommand::Split(args) => decide::split(&client, args, json).await,
        PeopleCommand::Merge(args) => decide::merge(&client, args, json).await,
        PeopleCommand::Never(args) => decide::never(&client, args, json).await,
        PeopleCommand::Undo(args) => decide::undo(&client, args, json).await,
        PeopleCommand::BulkConfirm(args) => decide::bulk_confirm(&client, args, json).await,
        PeopleCommand::Export(args) => sheets::export(&client, args, json).await,
        PeopleCommand::Import(args) => sheets::import(&client, args, json).await,
        PeopleCommand::Stats => figures::stats(&client, json).await,
        PeopleCommand::Decisions(args) => lists::decisions(&client, args, json).await,
        PeopleCommand::Events(args) => lists::events(&client, args, json).await,
        PeopleCommand::Config(command) => config::run(&client, command, json).await,
    }
}

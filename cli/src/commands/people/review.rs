//! `ovia people review`: the queue of conflicts, one question after the other.
//!
//! One line is read for each answer, so it works over a pipe as in a terminal. The end of the input is "quit". An answer is sent at once:
//! whoever stops halfway keeps what was decided, and `ovia people undo` takes it back.

use std::io::BufRead;

use clap::Args;
use serde_json::{Value, json};

use super::lists::account;
use crate::{
    client::{ApiClient, page_of},
    exit::{CliResult, Exit},
    output::{print, print_json, short_time, text},
};

#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// Only accounts of this source, as gitlab.
    #[arg(long)]
    source: Option<String>,
    /// A sentence that is kept with every decision.
    #[arg(long, value_name = "SENTENCE")]
    why: Option<String>,
}

/// Questions asked for at a time.
const PAGE: &str = "50";

#[derive(Default)]
struct Tally {
    same: u32,
    never: u32,
    skipped: u32,
    /// Not asked: an earlier answer, or somebody else's, had settled it by then.
    settled: u32,
    /// Somebody else was faster.
    overtaken: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Same,
    Never,
    Skip,
    Quit,
}

impl Key {
    fn parse(line: &str) -> Option<Self> {
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" | "same" => Some(Self::Same),
            "n" | "no" | "never" => Some(Self::Never),
            "" | "s" | "skip" => Some(Self::Skip),
            "q" | "quit" => Some(Self::Quit),
            _ => None,
        }
    }
}

/// One walk through the queue.
struct Review<'a> {
    client: &'a ApiClient,
    why: &'a Option<String>,
    /// Questions go to stderr, so that stdout is one document.
    json: bool,
    tally: Tally,
}

pub async fn run(client: &ApiClient, args: &ReviewArgs, json: bool) -> CliResult {
    let mut review = Review { client, why: &args.why, json, tally: Tally::default() };
    let mut cursor: Option<String> = None;
    'queue: loop {
        let mut query = vec![("limit", PAGE.to_owned())];
        query.extend(args.source.clone().map(|source| ("source", source)));
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let (conflicts, next) = page_of(client.get("team/identity-mappings/conflicts", &query).await?);
        for conflict in &conflicts {
            if !review.one(conflict).await? {
                break 'queue;
            }
        }
        match next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    review.end()
}

impl Review<'_> {
    /// Asks about one account until it is decided or left. False to stop.
    ///
    /// The page of the queue is from before the answers to its first questions, and one answer may settle several accounts: what is asked is
    /// looked at again right before.
    async fn one(&mut self, conflict: &Value) -> CliResult<bool> {
        let mut is_shown = false;
        for candidate in conflict["candidates"].as_array().into_iter().flatten() {
            let Some(now) = self.open_now(conflict).await? else { break };
            if !still_asked(&now, candidate) {
                continue;
            }
            if !std::mem::replace(&mut is_shown, true) {
                self.say(&head(conflict))?;
            }
            self.say(&sides(conflict, candidate))?;
            let version = &now["version"];
            match self.ask()? {
                Key::Quit => return Ok(false),
                Key::Skip => {
                    self.tally.skipped += 1;
                    return Ok(true);
                }
                Key::Same => {
                    let person = self.person_now(candidate).await?;
                    let body = json!({"identity_id": conflict["mapping"]["identity"]["id"], "person_id": person,
                        "expected_version": version, "reason": self.why});
                    if self.send("confirm", &body).await?.is_some() {
                        self.tally.same += 1;
                    }
                    return Ok(true);
                }
                Key::Never => {
                    let body = json!({"identity_ids": [conflict["mapping"]["identity"]["id"], candidate["identity"]["id"]],
                        "expected_version": version, "reason": self.why});
                    if self.send("never", &body).await?.is_none() {
                        return Ok(true);
                    }
                    self.tally.never += 1;
                }
            }
        }
        self.tally.settled += u32::from(!is_shown);
        Ok(true)
    }

    /// The account's mapping as it is by now; nothing if nobody asks about it any more.
    async fn open_now(&self, conflict: &Value) -> CliResult<Option<Value>> {
        let now = self.mapping(&text(conflict, "/mapping/identity/id")).await?;
        Ok(now.filter(|now| now["status"] == "conflict"))
    }

    /// Whose the candidate is by now: an earlier answer may have moved it.
    async fn person_now(&self, candidate: &Value) -> CliResult<Value> {
        let now = self.mapping(&text(candidate, "/identity/id")).await?;
        Ok(now.map_or_else(|| candidate["person"]["id"].clone(), |mut now| now["person"]["id"].take()))
    }

    async fn mapping(&self, identity: &str) -> CliResult<Option<Value>> {
        match self.client.get(&format!("team/identity-mappings/{identity}"), &[]).await {
            Ok(mapping) => Ok(Some(mapping)),
            Err(error) if error.exit == Exit::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the API answered; nothing if somebody decided meanwhile, which ends this question and not the review.
    async fn send(&mut self, verb: &str, body: &Value) -> CliResult<Option<Value>> {
        match self.client.post(&format!("team/identity-mappings/{verb}"), Some(body)).await {
            Ok(decided) => {
                self.say(&format!("Decision {}.\n", text(&decided, "/decision/id")))?;
                Ok(Some(decided))
            }
            Err(error) if error.exit == Exit::Conflict => {
                self.tally.overtaken += 1;
                self.say(&format!("Not done: {}.\n", error.message))?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn ask(&self) -> CliResult<Key> {
        loop {
            eprint!("Same person? [y] same  [n] never  [s] skip  [q] quit: ");
            let mut line = String::new();
            if std::io::stdin().lock().read_line(&mut line)? == 0 {
                eprintln!();
                return Ok(Key::Quit);
            }
            if let Some(key) = Key::parse(&line) {
                return Ok(key);
            }
            eprintln!("`{}` is none of y, n, s, q.", line.trim());
        }
    }

    fn say(&self, text: &str) -> CliResult {
        if self.json {
            eprintln!("{text}");
            return Ok(());
        }
        print(text)
    }

    fn end(self) -> CliResult {
        let Tally { same, never, skipped, settled, overtaken } = self.tally;
        if self.json {
            let tally = json!({"same": same, "never": never, "skipped": skipped, "settled": settled, "overtaken": overtaken});
            return print_json(&tally);
        }
        if same + never + skipped + settled + overtaken == 0 {
            return print("Nothing was decided.");
        }
        let settled = if settled == 0 { String::new() } else { format!(", {settled} settled by an earlier answer") };
        print(&format!("{same} same, {never} never, {skipped} skipped{settled}."))
    }
}

/// Whether the account is still asked about with this candidate.
fn still_asked(now: &Value, candidate: &Value) -> bool {
    now["candidates"].as_array().into_iter().flatten().any(|open| open["identity_id"] == candidate["identity"]["id"])
}

/// Which account is in question.
pub fn head(conflict: &Value) -> String {
    let since = short_time(conflict, "/mapping/conflict_since");
    format!("{} · waits since {since} · {}", account(&conflict["mapping"]["identity"]), text(conflict, "/mapping/identity/id"))
}

/// Both sides, and what speaks for and against them being one person.
pub fn sides(conflict: &Value, candidate: &Value) -> String {
    let mut lines = vec![side(&conflict["mapping"]["identity"], &conflict["accounts"])];
    lines.push(format!("or {} ({} accounts)?", text(candidate, "/person/display_name"), count(&candidate["accounts"])));
    lines.push(side(&candidate["identity"], &candidate["accounts"]));
    let sure = candidate["confidence"].as_f64().map(|sure| format!("{:.0} % likely: ", (sure * 100.0).floor())).unwrap_or_default();
    lines.push(format!("  {sure}{}", text(candidate, "/explanation")));
    lines.join("\n") + "\n"
}

/// An account, and those that are certainly its owner's.
fn side(identity: &Value, others: &Value) -> String {
    let line = |identity: &Value| {
        format!("  {:<28} {:<24} {}", account(identity), text(identity, "/display_name"), text(identity, "/email")).trim_end().to_owned()
    };
    let rest = others.as_array().into_iter().flatten().filter(|other| other["id"] != identity["id"]);
    std::iter::once(line(identity)).chain(rest.map(line)).collect::<Vec<_>>().join("\n")
}

fn count(accounts: &Value) -> usize {
    accounts.as_array().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_words_are_answers() {
        for (line, key) in [("y\n", Key::Same), (" N ", Key::Never), ("", Key::Skip), ("\n", Key::Skip), ("quit", Key::Quit)] {
            assert_eq!(Key::parse(line), Some(key), "{line:?}");
        }
        assert_eq!(Key::parse("maybe"), None);
    }

    #[test]
    fn both_sides_are_shown_with_the_evidence() {
        let conflict =
            json!({"mapping": {"identity": {"id": "1", "source": "gitlab", "username": "mira", "display_name": "Mira K"}}, "accounts": []});
        let other = json!({"id": "2", "source": "jira", "username": null, "email": "mira@acme.example", "display_name": "Mira Kovac"});
        let candidate = json!({"identity": other, "accounts": [other], "person": {"display_name": "Mira Kovac"}, "confidence": 0.719,
            "explanation": "The same name."});
        let text = sides(&conflict, &candidate);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("  gitlab @mira") && lines[2].starts_with("  jira mira@acme.example"), "{text}");
        assert_eq!((lines[1], lines[3]), ("or Mira Kovac (1 accounts)?", "  71 % likely: The same name."));
    }
}

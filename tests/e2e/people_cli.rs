//! Operators work on who is who with `ovia people`: the binary as it is shipped, against a running API.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use ovia_tests::ovia_binary;
use serde_json::Value;

use crate::people_office::{Office, accounts, assert_stands, text};

struct Answer {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}

/// Runs `ovia people …` (or another verb that begins with a slash) with something on its stdin.
async fn ovia_with(office: &Office, arguments: &[&str], input: &str) -> Answer {
    let mut command = Command::new(ovia_binary());
    command.args(arguments).env("OVIA_API_URL", &office.app.http.base).env("OVIA_TOKEN", &office.app.http.token).env("NO_COLOR", "1");
    command.env_remove("OVIA_DATA_DIR").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let input = input.to_owned();
    let ran = tokio::task::spawn_blocking(move || -> Output {
        let mut child = command.spawn().unwrap();
        // one that ends without reading closes it
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    });
    let output = ran.await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Answer { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// `ovia people …`, which has to succeed; what it wrote.
async fn people(office: &Office, arguments: &[&str]) -> String {
    let answer = ovia_with(office, &[&["people"], arguments].concat(), "").await;
    assert_eq!(answer.code, 0, "{arguments:?}: {}{}", answer.stdout, answer.stderr);
    answer.stdout
}

/// The same with `--json`.
async fn document(office: &Office, arguments: &[&str]) -> Value {
    let written = people(office, &[arguments, &["--json"]].concat()).await;
    serde_json::from_str(&written).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {written}"))
}

/// Decides with `--json`, waits for what follows, and answers the decision's id.
async fn decide(office: &Office, arguments: &[&str]) -> (String, Value) {
    let decided = document(office, arguments).await;
    assert_eq!(decided["decision"]["kind"], arguments[0].replace('-', "_"), "{decided}");
    office.quiet().await;
    (decided["decision"]["id"].to_string(), decided)
}

/// `ovia people …`, which has to fail with this code and say so.
async fn refused(office: &Office, arguments: &[&str], code: i32, says: &str) {
    let answer = ovia_with(office, &[&["people"], arguments].concat(), "").await;
    assert_eq!(answer.code, code, "{arguments:?}: {}{}", answer.stdout, answer.stderr);
    assert!(answer.stderr.contains(says), "{arguments:?}: {}", answer.stderr);
}

#[tokio::test]
async fn every_verb_decides_and_takes_back() {
    let office = Office::open().await;
    let first = office.standing().await;
    looks(&office).await;
    let alias = text(&office.mapping("gitlab", "mskt_88").await["identity"]["id"]);

    let (confirm, _) = decide(&office, &["confirm", "gitlab:maria-silva-pt", "--why", "asked her"]).await;
    assert!(people(&office, &["mappings", "--status", "confirmed"]).await.contains("gitlab @maria-silva-pt"));
    let stale = ["confirm", "gitlab:msilva", "--if-version", "77"];
    refused(&office, &stale, 5, "not 77").await;

    // alone as it is, it is called as somebody said, also after a run
    let (named, decided) = decide(&office, &["remap", &alias, "--new", "Misaki S."]).await;
    assert_eq!(office.person(&decided["person_id"]).await["display_name"], "Misaki S.");
    decide(&office, &["undo", &named]).await;
    let (remap, decided) = decide(&office, &["remap", &alias, "--person", "misaki.sato@brightloom.example"]).await;
    let misaki = office.person(&decided["person_id"]).await;
    assert!(accounts(&misaki).len() > 2 && accounts(&misaki).contains(&alias), "{misaki}");
    let shown = people(&office, &["show", "misaki.sato@brightloom.example"]).await;
    assert!(shown.contains("gitlab @mskt_88") && shown.contains("gitlab @misaki_sato") && shown.contains("History"), "{shown}");
    assert_eq!(document(&office, &["show", &text(&misaki["id"])]).await["id"], misaki["id"]);
    let (renewed, decided) = decide(&office, &["remap", "gitlab:seun", "--new", "Seun A."]).await;
    assert_eq!(office.person(&decided["person_id"]).await["display_name"], "Seun A.");

    let (split, decided) =
        decide(&office, &["split", "juergen.weissenborn@brightloom.example", "gitlab:jweissenborn2", "--name", "J. Two"]).await;
    let new = text(&decided["person_id"]);
    refused(&office, &["merge", "juergen.weissenborn@brightloom.example", &new], 5, &format!("Undo first, in this order: {split}")).await;
    let (merge, decided) = decide(&office, &["merge", "Kovács Eszter", "Rosalind Abbott", "--why", "married"]).await;
    assert_eq!(decided["people_changed"].as_array().unwrap().len(), 2, "{decided}");
    let (never, _) = decide(&office, &["never", "gitlab:wang.xiaoming", "gitlab:lan-nguyen"]).await;
    let bulk = document(&office, &["bulk-confirm", "--min-confidence", "0.99", "--source", "jira"]).await;
    assert_eq!((&bulk["dry_run"], bulk["count"].as_u64() > Some(0)), (&Value::Bool(true), true), "{bulk}");
    let done = people(&office, &["bulk-confirm", "--min-confidence", "0.99", "--source", "jira", "--apply"]).await;
    assert!(done.starts_with(&format!("Confirmed {} accounts", bulk["count"])), "{done}");
    office.quiet().await;
    let decisions = document(&office, &["decisions", "--all"]).await;
    let bulk = decisions["items"][0]["id"].to_string();
    assert!(done.contains(&format!("ovia people undo {bulk}")), "{done}");

    let audit = ovia_with(&office, &["audit", "list", "--json"], "").await.json();
    let actions: Vec<&str> = audit["items"].as_array().unwrap().iter().filter_map(|event| event["action"].as_str()).collect();
    for verb in ["confirm", "remap", "split", "merge", "never", "bulk_confirm"] {
        assert!(actions.contains(&format!("identity.{verb}").as_str()), "{verb}: {actions:?}");
    }
    for decision in [bulk, never, merge, split, renewed, remap, confirm] {
        document(&office, &["undo", &decision]).await;
    }
    office.quiet().await;
    assert_stands(&office.standing().await, &first, "all taken back");
    wrong_words(&office).await;
}

/// What there is, as text and as JSON.
async fn looks(office: &Office) {
    let listed = document(office, &["list", "--all"]).await;
    let names: Vec<&str> = listed["items"].as_array().unwrap().iter().filter_map(|row| row["display_name"].as_str()).collect();
    let table = people(office, &["list", "--all"]).await;
    assert!(names.len() > 10 && names.iter().all(|name| table.contains(name)), "{table}");
    let queue = document(office, &["conflicts", "--all"]).await;
    let queue = queue["items"].as_array().unwrap();
    let shown = people(office, &["conflicts", "--all"]).await;
    assert_eq!(shown.matches("waits since").count(), queue.len(), "{shown}");
    assert!(shown.contains("gitlab @msilva") && shown.contains("gitlab @maria-silva-pt") && shown.contains("% likely: "), "{shown}");
    assert_eq!(document(office, &["stats"]).await["queue"]["size"], queue.len());
    assert!(people(office, &["stats"]).await.contains("oldest conflict waits"));
    let sure = document(office, &["mappings", "--min-confidence", "0.99", "--humans", "--source", "gitlab", "--sort", "age_desc"]).await;
    let sure = sure["items"].as_array().unwrap();
    assert!(!sure.is_empty() && sure.iter().all(|row| row["confidence"].as_f64() >= Some(0.99) && row["person"]["is_bot"] == false));
    let preview = document(office, &["config", "preview", "--set", "thresholds.auto=0.99"]).await;
    assert!(preview["result"]["conflicts_then"].as_u64() > Some(queue.len() as u64), "{preview}");
    let preview = people(office, &["config", "preview", "--set", "thresholds.auto=0.99"]).await;
    assert!(
        preview.contains(&format!("{} → ", queue.len())) && preview.contains("gitlab @") && preview.contains("(conflict)"),
        "{preview}"
    );
    assert_eq!(document(office, &["config", "show"]).await["version"], 0);
}

async fn wrong_words(office: &Office) {
    let nobody = uuid::Uuid::nil().to_string();
    for (arguments, code, says) in [
        (&["confirm", "gitlab:nobody"][..], 4, "there is no account `gitlab:nobody`"),
        (&["confirm", "nobody"], 2, "as gitlab:mira"),
        (&["confirm", &nobody], 4, "There is no account"),
        (&["show", "Nobody"], 4, "there is no person `Nobody`"),
        (&["show", "Maria Silva"], 5, "may be each of"),
        (&["remap", "gitlab:seun"], 2, "--person"),
        (&["remap", "gitlab:seun", "--person", &nobody], 4, "There is no person"),
        (&["split", "Kovács Eszter", "gitlab:seun"], 5, "Not all of these accounts"),
        (&["merge", "Kovács Eszter", "Kovács Eszter"], 2, "the same person"),
        (&["never", "gitlab:seun", "gitlab:seun"], 2, "the same account twice"),
        (&["never", "--people", "Kovács Eszter", "Kovács Eszter"], 2, "the same person twice"),
        (&["undo", "999999"], 4, "There is no decision 999999"),
        (&["bulk-confirm", "--min-confidence", "2"], 2, "a share from 0 to 1"),
        (&["config", "preview", "--set", "thresholds.auto=2"], 2, "config.thresholds.auto"),
        (&["import", "/nowhere.csv"], 2, "failed to read /nowhere.csv"),
    ] {
        refused(office, arguments, code, says).await;
    }
    for (file, says) in
        [("", "It is empty"), ("identity_id,decision\nx,confirm\n", "line 2"), ("identity_id,decision\n\"x,confirm\n", "quotation mark")]
    {
        let answer = ovia_with(office, &["people", "import", "-"], file).await;
        assert_eq!(answer.code, 2, "{file:?}: {}{}", answer.stdout, answer.stderr);
        assert!(answer.stderr.contains(says), "{file:?}: {}", answer.stderr);
    }
}

#[tokio::test]
async fn files_and_the_walk_through_the_queue_decide() {
    let office = Office::open().await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("people.csv");
    let path = at.to_str().unwrap();
    let lines = document(&office, &["export", path]).await["lines"].as_u64().unwrap();
    assert_eq!(lines, office.standing().await.len() as u64);
    assert!(people(&office, &["import", path]).await.contains(&format!("0 decisions would be taken, {lines} lines say nothing.")));
    let file = std::fs::read_to_string(&at).unwrap();
    assert_eq!(people(&office, &["export"]).await.trim_end(), file.trim_end(), "to stdout the same");
    let alias = text(&office.mapping("gitlab", "mskt_88").await["identity"]["id"]);
    let misaki = text(&office.mapping("gitlab", "misaki_sato").await["person"]["id"]);
    let line = file.lines().find(|line| line.starts_with(&alias)).unwrap();
    let entered = format!("{}remap,{misaki},her alias", line.strip_suffix(",,").unwrap());
    std::fs::write(&at, file.replace(line, &entered)).unwrap();
    let dry = people(&office, &["import", path]).await;
    assert!(dry.contains("gitlab mskt_88 is not") && dry.contains("1 decisions would be taken"), "{dry}");
    let done = document(&office, &["import", path, "--apply"]).await;
    assert_eq!(done["decisions"], 1, "{done}");
    office.quiet().await;
    assert_eq!(text(&office.mapping("gitlab", "mskt_88").await["person"]["id"]), misaki);
    refused(&office, &["import", path, "--apply"], 2, "has changed since the export").await;

    let teams = folder.path().join("teams.csv");
    std::fs::write(&teams, format!("person_id,team,from\n{misaki},Harbour,2025-01-01\n")).unwrap();
    let import = ["teams", "import", teams.to_str().unwrap(), "--apply", "--json"];
    assert_eq!(ovia_with(&office, &import, "").await.json()["memberships_created"], 1);
    let shown = ovia_with(&office, &["teams", "show", "Harbour", "--on", "2025-01-01"], "").await;
    assert!(shown.stdout.contains("2025-01-01"), "{}{}", shown.stdout, shown.stderr);

    // over a pipe: one answer a line, the end of the input is the end
    let before = document(&office, &["conflicts", "--all"]).await["items"].as_array().unwrap().len();
    let nothing = ovia_with(&office, &["people", "review"], "").await;
    assert_eq!((nothing.code, nothing.stdout.ends_with("Nothing was decided.\n")), (0, true), "{}{}", nothing.stdout, nothing.stderr);
    let one = ovia_with(&office, &["people", "review", "--why", "walked", "--json"], "what\nn\nq\n").await;
    let tally = one.json();
    assert_eq!((&tally["never"], &tally["same"]), (&Value::from(1), &Value::from(0)), "{}", one.stderr);
    assert!(one.stderr.contains("`what` is none of y, n, s, q."), "{}", one.stderr);
    office.quiet().await;
    let last = &document(&office, &["decisions"]).await["items"][0];
    assert_eq!((&last["kind"], &last["reason"]), (&Value::from("never"), &Value::from("walked")), "{last}");
    // to the end: everybody is somebody else
    for _ in 0..10 {
        let all = ovia_with(&office, &["people", "review"], &"n\n".repeat(50)).await;
        assert_eq!(all.code, 0, "{}{}", all.stdout, all.stderr);
        office.quiet().await;
        if document(&office, &["conflicts"]).await["items"].as_array().unwrap().is_empty() {
            break;
        }
    }
    assert_eq!(people(&office, &["conflicts"]).await, "No conflicts: nothing has to be decided.\n");
    assert!(before > 0 && document(&office, &["stats"]).await["queue"]["size"] == 0);
}

//! `ovia match-eval`: how good matching is on labelled accounts. Reads files, talks to nobody.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Args;
use ovia_matching::{
    Inputs, MatchConfig, MatchOutput, RULE_SET_VERSION,
    evaluation::{self, Evaluation, LabelledRow},
    match_identities,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    app::Global,
    exit::{CliError, CliResult},
    output::{Column, number, print, print_json, table, text},
};

#[derive(Debug, Args)]
pub struct MatchEvalArgs {
    /// Labelled accounts, one JSON object a line: id, source, username, email, display_name, truth_person, and n if known; other fields are ignored. Ids and people may be numbers; only id and truth_person have to be there.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Rules other than the shipped ones, as JSON: what the organisation's settings hold.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the cluster of each account: id and cluster, separated by a tab.
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// Write each pair that got a confidence: {a, b, confidence, class}, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    links: Option<PathBuf>,
}

/// What one file gave.
#[derive(Debug, Serialize)]
struct SetResult {
    file: String,
    #[serde(flatten)]
    evaluation: Evaluation,
    /// Of matching alone, without reading and measuring.
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    rule_set_version: i32,
    sets: Vec<SetResult>,
    /// Means over the files.
    mean_precision: Option<f64>,
    mean_recall: Option<f64>,
    mean_f1: Option<f64>,
    /// The most memory the process had at any time (`VmHWM`); `None` where the system does not say.
    peak_memory_mb: Option<f64>,
}

pub fn run(global: &Global, args: &MatchEvalArgs) -> CliResult {
    let config = config(args.config.as_deref())?;
    let sets: Vec<(&Path, Vec<LabelledRow>)> = args.files.iter().map(|file| Ok((file.as_path(), rows(file)?))).collect::<CliResult<_>>()?;
    let mut results = Vec::new();
    let (mut predictions, mut links) = (String::new(), String::new());
    for (file, rows) in &sets {
        let identities = evaluation::identities(rows);
        let begun = Instant::now();
        let output = match_identities(&identities, &Inputs::default(), &config);
        let seconds = begun.elapsed().as_secs_f64();
        results.push(SetResult { file: file.display().to_string(), evaluation: evaluation::evaluate(rows, &output), seconds });
        if args.predictions.is_some() {
            predictions.push_str(&prediction_lines(rows, &output, results.len(), sets.len()));
        }
        if args.links.is_some() {
            links.push_str(&link_lines(rows, &output)?);
        }
    }
    write(args.predictions.as_deref(), &predictions)?;
    write(args.links.as_deref(), &links)?;
    let mean = |of: fn(&Evaluation) -> Option<f64>| {
        let values: Vec<f64> = results.iter().filter_map(|set| of(&set.evaluation)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let report = Report {
        rule_set_version: RULE_SET_VERSION,
        mean_precision: mean(|evaluation| evaluation.pairwise.precision),
        mean_recall: mean(|evaluation| evaluation.pairwise.recall),
        mean_f1: mean(|evaluation| evaluation.pairwise.f1),
        peak_memory_mb: peak_memory_mb(),
        sets: results,
    };
    if global.json { print_json(&report) } else { print(&as_text(&report)) }
}

fn config(file: Option<&Path>) -> CliResult<MatchConfig> {
    let Some(file) = file else { return Ok(MatchConfig::default()) };
    let text = read(file)?;
    let config: MatchConfig = serde_json::from_str(&text)
        .map_err(|error| CliError::usage(format!("{} is no matching configuration: {error}", file.display())))?;
    config.validate().map_err(|problems| {
        let problem = problems.first();
        let text = problem.map(|problem| format!("{}: {}", problem.field, problem.message)).unwrap_or_default();
        CliError::usage(format!("{} is not valid: {text}", file.display()))
            .hint(problem.map(|problem| problem.hint.clone()).unwrap_or_default())
    })?;
    Ok(config)
}

fn read(file: &Path) -> CliResult<String> {
    std::fs::read_to_string(file).map_err(|error| CliError::usage(format!("{} cannot be read: {error}", file.display())))
}

fn rows(file: &Path) -> CliResult<Vec<LabelledRow>> {
    let bytes = std::fs::read(file).map_err(|error| CliError::usage(format!("{} cannot be read: {error}", file.display())))?;
    parse(&bytes).map_err(|(line, problem)| {
        CliError::usage(format!("{}, line {line}: {problem}", file.display()))
            .hint("each line is a JSON object with id, source, username, email, display_name and truth_person")
    })
}

/// The rows, or the number of the first broken line and what is wrong with it. Empty lines are left out.
fn parse(bytes: &[u8]) -> Result<Vec<LabelledRow>, (usize, String)> {
    let mut ids = HashMap::new();
    let mut rows = Vec::new();
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = std::str::from_utf8(line).map_err(|_| (number, "it is not UTF-8".to_owned()))?;
        if line.trim().is_empty() {
            continue;
        }
        let row = LabelledRow::parse(line).map_err(|problem| (number, problem))?;
        if let Some(first) = ids.insert(row.id.to_string(), number) {
            return Err((number, format!("the id `{}` was there before, in line {first}", row.id)));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Clusters of several files are told apart by the file's number.
fn prediction_lines(rows: &[LabelledRow], output: &MatchOutput, file: usize, files: usize) -> String {
    let prefix = if files > 1 { format!("{file}-") } else { String::new() };
    evaluation::predictions(rows, output).into_iter().map(|(id, cluster)| format!("{id}\t{prefix}{cluster}\n")).collect()
}

fn link_lines(rows: &[LabelledRow], output: &MatchOutput) -> CliResult<String> {
    let mut lines = String::new();
    for pair in evaluation::scored_pairs(rows, output) {
        lines.push_str(&serde_json::to_string(&pair).map_err(|error| CliError::failure(error.to_string()))?);
        lines.push('\n');
    }
    Ok(lines)
}

fn write(file: Option<&Path>, text: &str) -> CliResult {
    let Some(file) = file else { return Ok(()) };
    std::fs::write(file, text).map_err(|error| CliError::failure(format!("{} cannot be written: {error}", file.display())))
}

fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<f64>().ok().map(|kilobytes| kilobytes / 1024.0)
}

fn as_text(report: &Report) -> String {
    let share = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
    let row = |set: &SetResult| {
        let found = &set.evaluation;
        json!({
            "file": Path::new(&set.file).file_name().unwrap_or_default().to_string_lossy(),
            "identities": found.identities,
            "people": found.people,
            "precision": share(found.pairwise.precision),
            "recall": share(found.pairwise.recall),
            "f1": share(found.pairwise.f1),
            "b_precision": share(found.b_cubed.precision),
            "b_recall": share(found.b_cubed.recall),
            "b_f1": share(found.b_cubed.f1),
            "hard": share(found.hard_recall),
            "conflicts": found.conflicts,
            "brier": share(found.brier),
            "ece": share(found.ece),
            "largest": found.largest_cluster,
            "seconds": format!("{:.3}", set.seconds),
        })
    };
    let rows: Vec<Value> = report.sets.iter().map(row).collect();
    let columns: [Column; 15] = [
        Column { title: "SET", cell: |row| text(row, "/file") },
        Column { title: "ACCOUNTS", cell: |row| number(row, "/identities") },
        Column { title: "PEOPLE", cell: |row| number(row, "/people") },
        Column { title: "PRECISION", cell: |row| text(row, "/precision") },
        Column { title: "RECALL", cell: |row| text(row, "/recall") },
        Column { title: "F1", cell: |row| text(row, "/f1") },
        Column { title: "B3 PRECISION", cell: |row| text(row, "/b_precision") },
        Column { title: "B3 RECALL", cell: |row| text(row, "/b_recall") },
        Column { title: "B3 F1", cell: |row| text(row, "/b_f1") },
        Column { title: "HARD RECALL", cell: |row| text(row, "/hard") },
        Column { title: "CONFLICTS", cell: |row| number(row, "/conflicts") },
        Column { title: "BRIER", cell: |row| text(row, "/brier") },
        Column { title: "ECE", cell: |row| text(row, "/ece") },
        Column { title: "LARGEST", cell: |row| number(row, "/largest") },
        Column { title: "SECONDS", cell: |row| text(row, "/seconds") },
    ];
    let mut lines = table(&rows, &columns, "no files");
    lines.push_str(&format!(
        "\nrule set {}, mean F1 {}, peak memory {}",
        report.rule_set_version,
        share(report.mean_f1),
        report.peak_memory_mb.map_or_else(|| "unknown".to_owned(), |mb| format!("{mb:.0} MB")),
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"{"id":"1","source":"git","username":"","email":"mina@acme.test","display_name":"Mina Holt","truth_person":"p"}"#;

    #[test]
    fn rows_are_read_and_unknown_fields_ignored() {
        let text = format!("{ROW}\n\n{}\n", ROW.replace(r#""1""#, r#""2","n":3,"first":1,"last":2,"colour":"red""#));
        let rows = parse(text.as_bytes()).unwrap_or_else(|(line, problem)| panic!("{line}: {problem}"));
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].n, Some(3));
    }

    #[test]
    fn a_broken_row_is_named_by_its_line() {
        for broken in ["{", r#"{"id":"2"}"#, r#"["2"]"#] {
            let text = format!("{ROW}\n{broken}\n");
            assert_eq!(parse(text.as_bytes()).err().map(|(line, _)| line), Some(2), "{broken}");
        }
        let twice = parse(format!("{ROW}\n{ROW}\n").as_bytes()).err().unwrap_or_default();
        assert!(twice.0 == 2 && twice.1.contains("was there before, in line 1"), "{twice:?}");
        let number = parse(b"\xef\xbb\xbf{\"id\":1,\"truth_person\":2}\r\n\r\n{\"id\":\"1\",\"truth_person\":2}").err().unwrap_or_default();
        assert!(number.0 == 3 && number.1.contains("was there before"), "{number:?}");
        assert_eq!(parse(b"\n\xff\n").err(), Some((2, "it is not UTF-8".to_owned())));
    }

    #[test]
    fn numbers_are_given_back_as_numbers() {
        let rows = parse(format!("{}\n{}\n", ROW.replace(r#""1""#, "1"), ROW.replace(r#""1""#, "2")).as_bytes()).unwrap_or_default();
        let output = match_identities(&evaluation::identities(&rows), &Inputs::default(), &MatchConfig::default());
        assert_eq!(prediction_lines(&rows, &output, 1, 1), "1\t1\n2\t1\n");
        let links = link_lines(&rows, &output).unwrap_or_else(|error| panic!("{error}"));
        assert!(links.starts_with(r#"{"a":1,"b":2,"confidence":"#), "{links}");
    }

    #[test]
    fn the_report_is_text_and_json() {
        let rows = parse(format!("{ROW}\n{}\n", ROW.replace(r#""1""#, r#""2""#)).as_bytes()).unwrap_or_default();
        let output = match_identities(&evaluation::identities(&rows), &Inputs::default(), &MatchConfig::default());
        let evaluation = evaluation::evaluate(&rows, &output);
        let set = SetResult { file: "x/labelled.jsonl".to_owned(), evaluation, seconds: 0.5 };
        let report = Report {
            rule_set_version: 2,
            sets: vec![set],
            mean_precision: None,
            mean_recall: None,
            mean_f1: Some(1.0),
            peak_memory_mb: None,
        };
        let text = as_text(&report);
        assert!(text.contains("labelled.jsonl") && text.contains("1.0000") && text.contains("rule set 2"), "{text}");
        let json = serde_json::to_value(&report).unwrap_or_default();
        assert_eq!(json.pointer("/sets/0/pairwise/precision"), Some(&json!(1.0)));
        assert_eq!(prediction_lines(&rows, &output, 1, 1), "1\t1\n2\t1\n");
        let links = link_lines(&rows, &output).unwrap_or_else(|error| panic!("{error}"));
        assert!(links.starts_with(r#"{"a":"1","b":"2","confidence":0.9"#) && links.ends_with("\"class\":\"auto\"}\n"), "{links}");
    }
}

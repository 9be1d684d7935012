//! Notes next to numbers: a mark in the table, and the sentences below it.

use serde_json::Value;

use crate::output::text;

/// Numbers that are named before a sentence that is about many.
const NAMED: usize = 3;

/// ` !` after a number that is to be read with care.
pub fn mark(row: &Value) -> &'static str {
    if row["quality"].as_array().is_some_and(|notes| !notes.is_empty()) { " !" } else { "" }
}

/// Each sentence once, as `! time_to_merge, throughput and 2 more: …`, in the order of the rows; empty if there are none. `name` is what a
/// row is called.
pub fn lines(rows: &[Value], name: impl Fn(&Value) -> String) -> String {
    let mut sentences: Vec<(String, Vec<String>)> = Vec::new();
    for row in rows {
        for note in row["quality"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let sentence = text(note, "/sentence");
            match sentences.iter_mut().find(|(known, _)| *known == sentence) {
                Some((_, names)) => names.push(name(row)),
                None => sentences.push((sentence, vec![name(row)])),
            }
        }
    }
    let line = |(sentence, names): &(String, Vec<String>)| {
        let (shown, rest) = names.split_at(names.len().min(NAMED));
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        format!("! {}{more}: {sentence}", shown.join(", "))
    };
    sentences.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A metric, with whose it is where that is not the organisation's.
pub fn figure(row: &Value) -> String {
    let (metric, of) = (text(row, "/metric"), text(row, "/scope_name"));
    if of.is_empty() { metric } else { format!("{metric} of {of}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(metric: &str, of: Option<&str>, sentences: &[&str]) -> Value {
        let notes: Vec<Value> = sentences.iter().map(|sentence| json!({"code": "x", "sentence": sentence})).collect();
        json!({"metric": metric, "scope_name": of, "quality": notes})
    }

    #[test]
    fn a_sentence_stands_once_for_all_that_it_is_about() {
        let rows = [row("a", None, &["Late.", "Thin."]), row("b", Some("web"), &[]), row("c", Some("web"), &["Late."])];
        assert_eq!(lines(&rows, figure), "! a, c of web: Late.\n! a: Thin.");
        assert_eq!(rows.each_ref().map(mark), [" !", "", " !"]);
        let many: Vec<Value> = ["a", "b", "c", "d", "e"].iter().map(|metric| row(metric, None, &["Late."])).collect();
        assert_eq!(lines(&many, figure), "! a, b, c and 2 more: Late.");
        assert_eq!(lines(&rows[1..2], figure), "");
    }
}

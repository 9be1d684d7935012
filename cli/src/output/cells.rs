//! JSON values as table cells. What is absent or null is an empty cell.

use chrono::{DateTime, Utc};
use serde_json::Value;

/// The value at `pointer` (`/counts/fetched`) as text.
pub fn text(row: &Value, pointer: &str) -> String {
    match row.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => single_line(text),
        Some(other) => other.to_string(),
    }
}

/// A number: whole ones as they are, others with at most two digits after the point.
pub fn number(row: &Value, pointer: &str) -> String {
    match row.pointer(pointer).and_then(Value::as_f64) {
        Some(number) if number.fract() == 0.0 => format!("{number:.0}"),
        Some(number) => format!("{number:.2}"),
        None => String::new(),
    }
}

/// `yes` or nothing.
pub fn flag(row: &Value, pointer: &str) -> String {
    if row.pointer(pointer) == Some(&Value::Bool(true)) { "yes".into() } else { String::new() }
}

/// The strings of an array, with commas.
pub fn list(row: &Value, pointer: &str) -> String {
    let items = row.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), single_line)).collect::<Vec<_>>().join(", ")
}

/// A time to the second, in UTC.
pub fn short_time(row: &Value, pointer: &str) -> String {
    let text = text(row, pointer);
    match text.parse::<DateTime<Utc>>() {
        Ok(time) => time.format("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => text,
    }
}

/// Seconds as `45 s`, `12 min` or `3 h 5 min`.
pub fn duration(seconds: i64) -> String {
    match (seconds / 3600, seconds / 60 % 60) {
        (0, _) if seconds < 120 => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// Names come from sources: a terminal must not act on what is in them.
fn single_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_become_cells() {
        let row = json!({"a": {"b": 3}, "n": null, "f": 0.123, "w": 4.0, "y": true, "l": ["x", 1], "t": "2026-03-01T10:00:00.123Z", "e": "a\u{1b}[31m\nb"});
        assert_eq!(text(&row, "/a/b"), "3");
        assert_eq!((text(&row, "/n"), text(&row, "/missing")), (String::new(), String::new()));
        assert_eq!((number(&row, "/f"), number(&row, "/w")), ("0.12".into(), "4".into()));
        assert_eq!((flag(&row, "/y"), list(&row, "/l")), ("yes".into(), "x, 1".into()));
        assert_eq!(short_time(&row, "/t"), "2026-03-01 10:00:00");
        assert_eq!(text(&row, "/e"), "a [31m b");
        assert_eq!((duration(119), duration(125), duration(11_100)), ("119 s".into(), "2 min".into(), "3 h 5 min".into()));
    }
}

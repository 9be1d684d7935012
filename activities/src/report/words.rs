//! Figures and names as a report writes them, whatever its form.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use ovia_domain::report::ReportKind;
use ovia_store::reports::SeriesRow;

use super::data::{Figure, ReportData};

/// `Weekly report of acme, 2026-01-05 to 2026-01-11 (Europe/Berlin)`.
pub fn title(data: &ReportData) -> String {
    let first = day(data.period.0, data.tz);
    // a day may have 23 hours: its last moment is of it whatever it has
    let last = day(data.period.1 - TimeDelta::microseconds(1), data.tz);
    let (name, zone) = (&data.organisation, data.tz.name());
    match data.kind {
        ReportKind::Daily => format!("Daily report of {name}, {first} ({zone})"),
        ReportKind::Weekly => format!("Weekly report of {name}, {first} to {last} ({zone})"),
    }
}

/// What is not shown of the projects; nothing where all are.
pub fn left_out(projects: usize) -> Option<String> {
    match projects {
        0 => None,
        1 => Some("One more project is not shown; its figures moved less.".to_owned()),
        _ => Some(format!("{projects} more projects are not shown; their figures moved less.")),
    }
}

/// `time_to_merge` as `Time to merge`.
pub fn metric(key: &str) -> String {
    let text = key.replace('_', " ");
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A value with its unit. No data is not zero.
pub fn value(value: Option<f64>, unit: &str) -> String {
    match value {
        None => "no data".to_owned(),
        Some(value) if unit == "ratio" => format!("{:.0} %", value * 100.0),
        Some(value) => {
            let digits = if value.fract() == 0.0 { 0 } else { 2 };
            match unit {
                "count" => format!("{value:.digits$}"),
                "score" => format!("{value:.digits$} of 100"),
                _ => format!("{value:.digits$} {unit}"),
            }
        }
    }
}

/// The newest value of a series, and how far it is from the one before.
pub struct Newest {
    pub value: String,
    pub change: String,
    pub date: String,
}

pub fn newest(series: &SeriesRow, tz: Tz) -> Newest {
    let last = series.values.last().copied().flatten();
    let before = series.values.iter().rev().nth(1).copied().flatten();
    let date = series.starts.last().map(|at| day(*at, tz).to_string()).unwrap_or_default();
    Newest { value: value(last, &series.unit), change: change(before, last), date }
}

/// `+12 %` against the window before; nothing where that says nothing.
fn change(before: Option<f64>, now: Option<f64>) -> String {
    match (before, now) {
        (Some(before), Some(now)) if before == now => "unchanged".to_owned(),
        (Some(before), Some(now)) if before != 0.0 => format!("{:+.0} %", 100.0 * (now - before) / before.abs()),
        (Some(_), Some(now)) => format!("{now:+.2}"),
        _ => String::new(),
    }
}

/// The date clocks show.
pub fn day(at: DateTime<Utc>, tz: Tz) -> NaiveDate {
    at.with_timezone(&tz).date_naive()
}

/// What stands below a table of figures: its notes, each once, and for each figure the numbers of its own (`1, 3`).
pub fn footnotes<'a>(figures: &[&'a Figure]) -> (Vec<&'a str>, Vec<String>) {
    let mut notes: Vec<&str> = Vec::new();
    let mut marks = Vec::new();
    for figure in figures {
        let mut numbers = Vec::new();
        for note in &figure.notes {
            let place = notes.iter().position(|known| known == note).unwrap_or_else(|| {
                notes.push(note);
                notes.len() - 1
            });
            numbers.push((place + 1).to_string());
        }
        marks.push(numbers.join(", "));
    }
    (notes, marks)
}

/// A link that a reader may follow: `http` or `https`, without anything that ends it early.
pub fn link(url: Option<&str>) -> Option<&str> {
    url.filter(|url| url.starts_with("https://") || url.starts_with("http://"))
        .filter(|url| !url.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"()".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_say_what_they_are() {
        assert_eq!(value(None, "hours"), "no data");
        assert_eq!(value(Some(0.825), "ratio"), "82 %");
        assert_eq!((value(Some(3.0), "count"), value(Some(2.345), "hours")), ("3".into(), "2.35 hours".into()));
        assert_eq!((value(Some(65.714), "score"), value(Some(80.0), "score")), ("65.71 of 100".into(), "80 of 100".into()));
        assert_eq!(metric("time_to_merge"), "Time to merge");
    }

    #[test]
    fn a_change_needs_something_to_compare_with() {
        assert_eq!(change(Some(10.0), Some(12.0)), "+20 %");
        assert_eq!(change(Some(10.0), Some(5.0)), "-50 %");
        assert_eq!(change(Some(0.0), Some(5.0)), "+5.00");
        assert_eq!((change(Some(1.0), Some(1.0)), change(None, Some(1.0))), ("unchanged".into(), String::new()));
    }

    #[test]
    fn only_addresses_of_pages_are_links() {
        assert_eq!(link(Some("https://git.example/a/b")), Some("https://git.example/a/b"));
        for bad in ["javascript:alert(1)", "https://a b", "https://a\"onclick=x", "https://a<b", "data:text/html,x", "https://a)b"] {
            assert_eq!(link(Some(bad)), None, "{bad}");
        }
    }
}

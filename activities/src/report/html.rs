//! A report as one HTML page without anything from elsewhere. Text is escaped by the template.

use super::{
    chart,
    data::{Figure, ReportData},
    words,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;color:#1c2430;max-width:60rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #d9dee5}\
th{font-weight:600}h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}h3{font-size:1rem}.high,.fail{color:#b3261e}\
.medium,.warn{color:#8a5a00}.low{color:#4a5568}svg{display:block}sup{color:#8a5a00}\
.notes{color:#4a5568;font-size:.85rem;margin:-1rem 0 1.5rem}";

pub fn compose(data: &ReportData) -> String {
    let title = words::title(data);
    let (projects, organisation): (Vec<&Figure>, Vec<&Figure>) = data.figures.iter().partition(|figure| figure.series.project.is_some());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                h2 { "Figures" }
                (figures(data, &organisation))
                @for group in projects.chunk_by(|a, b| a.series.scope_id == b.series.scope_id) {
                    h3 { (group[0].series.project.as_deref().unwrap_or_default()) }
                    (figures(data, group))
                }
                @if let Some(text) = words::left_out(data.projects_left_out) { p { (text) } }
                h2 { "Needs attention" }
                p { (data.risks_opened) " opened, " (data.risks_resolved) " resolved." }
                (risks(data))
                h2 { "Data quality" }
                (quality(data))
            }
        }
    };
    page.into_string()
}

fn figures(data: &ReportData, figures: &[&Figure]) -> Markup {
    let (notes, marks) = words::footnotes(figures);
    html! {
        @if figures.is_empty() {
            p { "There are no figures yet." }
        } @else {
            table {
                thead { tr { th { "Metric" } th { "Value" } th { "Change" } th { "Window from" } th {} } }
                tbody {
                    @for (Figure { series, .. }, marks) in figures.iter().zip(&marks) {
                        @let newest = words::newest(series, data.tz);
                        tr {
                            td { (words::metric(&series.metric)) }
                            td { (newest.value) @if !marks.is_empty() { " " sup { (marks) } } }
                            td { (newest.change) }
                            td { (newest.date) }
                            // a picture holds numbers only
                            td { (PreEscaped(chart::line(&series.values))) }
                        }
                    }
                }
            }
            @if !notes.is_empty() {
                ol class="notes" { @for note in &notes { li { (note) } } }
            }
        }
    }
}

fn risks(data: &ReportData) -> Markup {
    html! {
        ul {
            @for risk in &data.risks {
                li {
                    strong class=(risk.severity) { (risk.severity) }
                    " "
                    @if let Some(url) = words::link(risk.url.as_deref()) {
                        a href=(url) rel="noopener noreferrer" { (risk.summary) }
                    } @else {
                        (risk.summary)
                    }
                }
            }
        }
    }
}

fn quality(data: &ReportData) -> Markup {
    html! {
        @match (data.checked_at, data.quality.is_empty()) {
            (None, _) => { p { "The data has not been checked yet." } }
            (Some(at), true) => { p { "All checks passed on " (words::day(at, data.tz)) "." } }
            (Some(at), false) => { p { "Checked on " (words::day(at, data.tz)) "." } }
        }
        ul {
            @for result in &data.quality {
                li { strong class=(result.status) { (result.status) } " " (result.detail) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use chrono_tz::Tz;
    use ovia_domain::report::ReportKind;
    use ovia_store::reports::SeriesRow;

    use super::{super::markdown, *};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    fn data() -> ReportData {
        let figure = |project: Option<&str>, values: &[Option<f64>], notes: &[&str]| Figure {
            series: SeriesRow {
                metric: "time_to_merge".into(),
                scope_id: project.unwrap_or_default().into(),
                project: project.map(str::to_owned),
                unit: "hours".into(),
                starts: vec![at("2025-12-28T23:00:00Z"), at("2026-01-04T23:00:00Z")],
                values: values.to_vec(),
                end: at("2026-01-11T23:00:00Z"),
                row_count: 2,
                coverage: serde_json::Value::Null,
            },
            notes: notes.iter().map(|note| (*note).to_owned()).collect(),
        };
        ReportData {
            organisation: "<b>acme</b>".into(),
            kind: ReportKind::Weekly,
            period: (at("2026-01-04T23:00:00Z"), at("2026-01-11T23:00:00Z")),
            tz: Tz::Europe__Berlin,
            figures: vec![
                figure(None, &[Some(10.0), Some(12.5)], &["Of <a>, issues were late.", "2 rows are behind it."]),
                figure(Some("acme/<script>"), &[Some(1.0), None], &[]),
            ],
            projects_left_out: 190,
            risks: Vec::new(),
            risks_opened: 2,
            risks_resolved: 1,
            quality: Vec::new(),
            checked_at: None,
        }
    }

    #[test]
    fn text_is_escaped_and_pictures_are_drawn() {
        let page = compose(&data());
        assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{page}");
        assert!(
            page.contains("<title>Weekly report of &lt;b&gt;acme&lt;/b&gt;, 2026-01-05 to 2026-01-11 (Europe/Berlin)</title>"),
            "{page}"
        );
        assert!(page.contains("acme/&lt;script&gt;") && !page.contains("<script>"), "{page}");
        assert!(page.contains("<td>12.50 hours <sup>1, 2</sup></td><td>+25 %</td><td>2026-01-05</td><td><svg "), "{page}");
        assert!(page.contains("<ol class=\"notes\"><li>Of &lt;a&gt;, issues were late.</li><li>2 rows are behind it.</li></ol>"), "{page}");
        assert_eq!(page.matches("<sup>").count(), 1, "the other figure has none: {page}");
        assert!(page.contains("<td>no data</td><td></td>"), "{page}");
        assert!(page.contains("<p>190 more projects are not shown; their figures moved less.</p>"), "{page}");
        assert!(page.contains("2 opened, 1 resolved."), "{page}");
        assert!(!page.contains("src=") && !page.contains("@import"), "nothing from elsewhere: {page}");
    }

    #[test]
    fn the_same_as_markdown() {
        let text = markdown::compose(&data());
        assert!(text.starts_with("# Weekly report of &lt;b\\>acme&lt;/b\\>, 2026-01-05 to 2026-01-11 \\(Europe/Berlin\\)\n"), "{text}");
        assert!(
            text.contains("| Time to merge | 12.50 hours [1, 2] | +25 % | 2026-01-05 | ![series](data:image/svg+xml;base64,"),
            "{text}"
        );
        assert!(text.contains("\n1. Of &lt;a\\>, issues were late.\n2. 2 rows are behind it.\n"), "{text}");
        assert!(text.contains("### acme/&lt;script\\>\n"), "{text}");
        assert!(text.contains("\n190 more projects are not shown; their figures moved less.\n"), "{text}");
        assert!(text.contains("| Time to merge | no data |  | 2026-01-05 |"), "{text}");
        assert!(text.ends_with("## Data quality\n\nThe data has not been checked yet.\n"), "{text}");
        assert_eq!(markdown::compose(&data()), text, "the same data, the same text");
    }
}

//! A report as Markdown. Pictures are `data:` images, so that it is one file.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    chart,
    data::{Figure, ReportData},
    words::{self, Newest},
};

pub fn compose(data: &ReportData) -> String {
    let mut out = format!("# {}\n", escaped(&words::title(data)));
    let (projects, organisation): (Vec<&Figure>, Vec<&Figure>) = data.figures.iter().partition(|figure| figure.series.project.is_some());
    out.push_str("\n## Figures\n\n");
    out.push_str(&figures(data, &organisation));
    for group in projects.chunk_by(|a, b| a.series.scope_id == b.series.scope_id) {
        out.push_str(&format!("\n### {}\n\n", escaped(group[0].series.project.as_deref().unwrap_or_default())));
        out.push_str(&figures(data, group));
    }
    if let Some(text) = words::left_out(data.projects_left_out) {
        out.push_str(&format!("\n{text}\n"));
    }
    out.push_str(&format!("\n## Needs attention\n\n{} opened, {} resolved.\n\n", data.risks_opened, data.risks_resolved));
    for risk in &data.risks {
        let link = words::link(risk.url.as_deref()).map(|url| format!(" <{url}>")).unwrap_or_default();
        out.push_str(&format!("- **{}** {}{link}\n", risk.severity, escaped(&risk.summary)));
    }
    out.push_str("\n## Data quality\n\n");
    match (data.checked_at, data.quality.is_empty()) {
        (None, _) => out.push_str("The data has not been checked yet.\n"),
        (Some(at), true) => out.push_str(&format!("All checks passed on {}.\n", words::day(at, data.tz))),
        (Some(at), false) => out.push_str(&format!("Checked on {}.\n\n", words::day(at, data.tz))),
    }
    for result in &data.quality {
        out.push_str(&format!("- **{}** {}\n", result.status, escaped(&result.detail)));
    }
    out
}

fn figures(data: &ReportData, figures: &[&Figure]) -> String {
    if figures.is_empty() {
        return "There are no figures yet.\n".to_owned();
    }
    let mut out = "| metric | value | change | window from | |\n|---|---|---|---|---|\n".to_owned();
    let (notes, marks) = words::footnotes(figures);
    for (Figure { series, .. }, marks) in figures.iter().zip(marks) {
        let Newest { value, change, date } = words::newest(series, data.tz);
        let (name, picture) = (words::metric(&series.metric), picture(&series.values));
        let marks = if marks.is_empty() { marks } else { format!(" [{marks}]") };
        out.push_str(&format!("| {} | {}{marks} | {change} | {date} | {picture} |\n", escaped(&name), escaped(&value)));
    }
    if !notes.is_empty() {
        out.push('\n');
    }
    for (number, note) in (1..).zip(notes) {
        out.push_str(&format!("{number}. {}\n", escaped(note)));
    }
    out
}

fn picture(values: &[Option<f64>]) -> String {
    match chart::line(values) {
        svg if svg.is_empty() => svg,
        svg => format!("![series](data:image/svg+xml;base64,{})", STANDARD.encode(svg)),
    }
}

/// Names come from sources: what has a meaning in Markdown or HTML is taken literally, and a line stays a line.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => out.push(' '),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' | '>' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_sources_is_taken_literally() {
        assert_eq!(escaped("a|b\n# c"), r"a\|b \# c");
        assert_eq!(escaped("<script>*x*</script> [y](z) & w"), r"&lt;script\>\*x\*&lt;/script\> \[y\]\(z\) &amp; w");
    }
}

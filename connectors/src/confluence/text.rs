//! Page bodies (Confluence's storage format) as plain text, for searching and for finding keys of work items.
//!
//! The storage format is XHTML with macros. It is read leniently: what is not well-formed is still text, never an error. Code stands in
//! CDATA and macros' settings in elements of their own, so a reader for HTML would lose the one and show the other.

use quick_xml::Reader;
use quick_xml::escape::resolve_html5_entity;
use quick_xml::events::{BytesStart, Event};

/// Elements that end a line.
const BLOCKS: [&str; 27] = [
    "p",
    "br",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "li",
    "ul",
    "ol",
    "tr",
    "table",
    "pre",
    "blockquote",
    "hr",
    "dt",
    "dd",
    "ac:task",
    "ac:task-body",
    "ac:layout-cell",
    "ac:layout-section",
    "ac:rich-text-body",
    "ac:plain-text-body",
    "ac:structured-macro",
    "ac:adf-content",
];
/// Elements that are shown side by side.
const CELLS: [&str; 2] = ["td", "th"];
/// Elements whose content no reader sees.
const HIDDEN: [&str; 8] =
    ["script", "style", "ac:task-id", "ac:task-uuid", "ac:task-status", "ac:placeholder", "ac:adf-attribute", "ac:adf-fallback"];
/// Settings of macros that a reader does see: a panel's title, the issue a Jira macro shows.
const SHOWN_PARAMETERS: [&str; 2] = ["title", "key"];

/// What a body says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct BodyText {
    /// Without markup; one line a block.
    pub text: String,
    /// Addresses linked to: a link's text need not show them.
    pub links: Vec<String>,
}

/// Reads a body in storage format.
pub fn body_text(storage: &str) -> BodyText {
    let mut out = Collector::default();
    let mut reader = Reader::from_str(storage);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => out.open(&tag, false),
            Ok(Event::Empty(tag)) => out.open(&tag, true),
            Ok(Event::End(tag)) => out.close(tag.name().as_ref()),
            Ok(Event::Text(text)) => out.words(&decoded(&String::from_utf8_lossy(&text))),
            Ok(Event::CData(text)) => out.verbatim(&String::from_utf8_lossy(&text)),
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(_) => {
                let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
                out.words(&decoded(&without_tags(storage.get(at..).unwrap_or_default())));
                break;
            }
        }
    }
    out.finish()
}

/// `text`, at most `max` bytes of it, and whether it was cut. Never in the middle of a character.
pub fn cut(mut text: String, max: usize) -> (String, bool) {
    if text.len() <= max {
        return (text, false);
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    (text, true)
}

#[derive(Default)]
struct Collector {
    text: String,
    links: Vec<String>,
    /// A word follows a blank.
    blank: bool,
    /// Elements open inside a hidden one, itself included.
    hidden: usize,
}

impl Collector {
    fn open(&mut self, tag: &BytesStart<'_>, empty: bool) {
        let name = tag.name();
        let name = String::from_utf8_lossy(name.as_ref());
        if self.hidden > 0 || is_hidden(&name, tag) {
            self.hidden += usize::from(!empty);
            return;
        }
        self.around(&name);
        match &*name {
            "a" => self.links.extend(attribute(tag, "href")),
            "ri:url" => self.links.extend(attribute(tag, "ri:value")),
            // A link to a page shows its title.
            "ri:page" | "ri:blog-post" => {
                if let Some(title) = attribute(tag, "ri:content-title") {
                    self.words(&title);
                    self.blank = true;
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &[u8]) {
        if self.hidden > 0 {
            self.hidden -= 1;
        } else {
            self.around(&String::from_utf8_lossy(name));
        }
    }

    fn around(&mut self, name: &str) {
        if BLOCKS.contains(&name) {
            self.line();
        } else if CELLS.contains(&name) || name == "ac:parameter" {
            self.blank = true;
        }
    }

    fn line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.blank = false;
    }

    /// Text of which only the words count.
    fn words(&mut self, text: &str) {
        if self.hidden > 0 {
            return;
        }
        self.blank |= text.starts_with(char::is_whitespace);
        for word in text.split_whitespace() {
            if self.blank && !self.text.is_empty() && !self.text.ends_with('\n') {
                self.text.push(' ');
            }
            self.text.push_str(word);
            self.blank = true;
        }
        let holds_a_word = !text.trim().is_empty();
        if holds_a_word {
            self.blank = text.ends_with(char::is_whitespace);
        }
    }

    /// Text whose lines count: code.
    fn verbatim(&mut self, text: &str) {
        if self.hidden == 0 {
            self.line();
            self.text.push_str(text.trim_end());
            self.line();
        }
    }

    fn finish(mut self) -> BodyText {
        self.text.truncate(self.text.trim_end().len());
        self.text.retain(|c| c != '\0');
        BodyText { text: self.text, links: self.links }
    }
}

fn is_hidden(name: &str, tag: &BytesStart<'_>) -> bool {
    let is_setting = || attribute(tag, "ac:name").is_none_or(|name| !SHOWN_PARAMETERS.contains(&name.as_str()));
    HIDDEN.contains(&name) || name == "ac:parameter" && is_setting()
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.html_attributes();
    let found = attributes.with_checks(false).flatten().find(|attribute| attribute.key.as_ref() == name.as_bytes())?;
    Some(decoded(&String::from_utf8_lossy(&found.value)))
}

/// `text` with its entities as characters; what is none stays as it is.
fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, entity) = rest.split_at(at);
        out.push_str(before);
        match entity_at(entity) {
            Some((character, length)) => {
                out.push_str(&character);
                rest = entity.get(length..).unwrap_or_default();
            }
            None => {
                out.push('&');
                rest = entity.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

/// The character an entity at the start of `text` stands for, and the entity's length.
fn entity_at(text: &str) -> Option<(String, usize)> {
    /// `&CounterClockwiseContourIntegral;`
    const LONGEST: usize = 34;
    let end = text.bytes().take(LONGEST).position(|byte| byte == b';')?;
    let name = text.get(1..end)?;
    let number = name.strip_prefix('#');
    let character = match number.map(|number| (number, number.strip_prefix(['x', 'X']))) {
        Some((_, Some(hexadecimal))) => char::from_u32(u32::from_str_radix(hexadecimal, 16).ok()?)?.to_string(),
        Some((decimal, None)) => char::from_u32(decimal.parse().ok()?)?.to_string(),
        None => resolve_html5_entity(name)?.to_owned(),
    };
    Some((character, end + 1))
}

/// What is left of broken markup without anything that looks like a tag.
fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        out.push_str(rest.get(..open).unwrap_or_default());
        out.push(' ');
        match rest.get(open..).and_then(|tag| tag.find('>')) {
            Some(close) => rest = rest.get(open + close + 1..).unwrap_or_default(),
            None => return out,
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests;

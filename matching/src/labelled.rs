//! Labelled accounts as files have them: one JSON object a line.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::{Number, Value};

/// One labelled account. Further fields of a row are ignored.
#[derive(Clone, Debug, Deserialize)]
pub struct LabelledRow {
    pub id: RowId,
    /// As `git`; empty where the row does not say.
    #[serde(default, deserialize_with = "text_or_empty")]
    pub source: String,
    #[serde(default, deserialize_with = "text_if_any")]
    pub username: Option<String>,
    #[serde(default, deserialize_with = "text_if_any")]
    pub email: Option<String>,
    #[serde(default, deserialize_with = "text_if_any")]
    pub display_name: Option<String>,
    /// The same text, or the same number, for accounts of one person.
    #[serde(deserialize_with = "text")]
    pub truth_person: String,
    /// Number of commits.
    #[serde(default, deserialize_with = "count_if_any")]
    pub n: Option<u64>,
    /// The source's flag, where it is set; `false` is taken as "it did not say".
    #[serde(default)]
    pub bot: Option<bool>,
}

/// A row's id. It is written as it was read: a number stays one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId {
    text: String,
    is_number: bool,
}

impl LabelledRow {
    /// A row of a line. An error is a sentence's part that names the field and the column of the line, where one is at fault.
    pub fn parse(line: &str) -> Result<Self, String> {
        let mut reader = serde_json::Deserializer::from_str(line);
        let row = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let field = error.path().to_string();
            let what = without_place(error.inner());
            let names_it = !error.inner().is_data() || field == "." || what.contains('`');
            if names_it { what } else { format!("`{field}`: {what}") }
        })?;
        reader.end().map_err(|error| without_place(&error))?;
        Ok(row)
    }
}

/// What serde_json says, with the column alone: its lines are counted within the line.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = text.strip_suffix(&place).map_or_else(|| text.clone(), |what| format!("{what} (column {})", error.column()));
    if error.is_data() { what } else { format!("it is not JSON: {what}") }
}

impl RowId {
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Display for RowId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for RowId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self { text, is_number: false }),
            Value::Number(number) => Ok(Self { text: number.to_string(), is_number: true }),
            other => Err(D::Error::custom(format!("{} is neither a text nor a number", kind(&other)))),
        }
    }
}

impl Serialize for RowId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.text.parse::<Number>() {
            Ok(number) if self.is_number => number.serialize(serializer),
            _ => serializer.serialize_str(&self.text),
        }
    }
}

fn text_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        other => Err(D::Error::custom(format!("{} is neither a text nor a number", kind(&other)))),
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text_if_any(deserializer)?.ok_or_else(|| D::Error::custom("null is neither a text nor a number"))
}

fn text_or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(text_if_any(deserializer)?.unwrap_or_default())
}

/// What was written by a program without whole numbers, as `3.0`, is one as well.
fn count_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(count), _) => Ok(Some(count)),
            // the largest number that a float holds exactly
            (None, Some(float)) if (0.0..=9_007_199_254_740_992.0).contains(&float) => Ok(Some(float as u64)),
            _ => Err(D::Error::custom(format!("{number} is no count"))),
        },
        other => Err(D::Error::custom(format!("{} is no count", kind(&other)))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: &str) -> LabelledRow {
        LabelledRow::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    #[test]
    fn ids_and_people_may_be_numbers() {
        let read = row(r#"{"id": 7, "truth_person": 12, "source": "git", "n": 3.0, "first": "2020", "last": null, "username": 99}"#);
        assert_eq!((read.id.as_str(), read.truth_person.as_str(), read.n), ("7", "12", Some(3)));
        assert_eq!(read.username.as_deref(), Some("99"));
        assert_eq!(serde_json::to_string(&read.id).ok().as_deref(), Some("7"), "a number stays one");
        assert_eq!(serde_json::to_string(&row(r#"{"id":"7","truth_person":"p"}"#).id).ok().as_deref(), Some(r#""7""#));
    }

    #[test]
    fn what_is_optional_may_be_missing_or_null() {
        for line in [
            r#"{"id":"a","truth_person":"p"}"#,
            r#"{"id":"a","truth_person":"p","source":null,"username":null,"email":null,"display_name":null,"n":null,"bot":null}"#,
        ] {
            let read = row(line);
            assert_eq!((read.source.as_str(), read.username, read.email, read.display_name), ("", None, None, None));
            assert_eq!((read.n, read.bot), (None, None));
        }
    }

    #[test]
    fn an_error_names_the_field_and_the_column() {
        for (line, said) in [
            (r#"{"id":"a"}"#, "missing field `truth_person`"),
            (r#"{"truth_person":"p"}"#, "missing field `id`"),
            (r#"{"id":"a","truth_person":null}"#, "`truth_person`: null is neither a text nor a number"),
            (r#"{"id":["a"],"truth_person":"p"}"#, "`id`: a list is neither a text nor a number"),
            (r#"{"id":"a","truth_person":"p","email":{}}"#, "`email`: an object is neither a text nor a number"),
            (r#"{"id":"a","truth_person":"p","n":-1}"#, "`n`: -1 is no count"),
            (r#"{"id":"a","truth_person":"p"} {}"#, "it is not JSON: trailing characters"),
        ] {
            let error = LabelledRow::parse(line).map(|row| row.id).err().unwrap_or_default();
            let column = error.strip_prefix(said).and_then(|rest| rest.strip_prefix(" (column ")?.strip_suffix(')')?.parse::<usize>().ok());
            assert!(column.is_some_and(|column| (1..=line.len()).contains(&column)), "{line}: {error}");
        }
        for broken in ["id,name", "{", "\u{1}"] {
            let error = LabelledRow::parse(broken).map(|row| row.id).err().unwrap_or_default();
            assert!(error.starts_with("it is not JSON: "), "{broken}: {error}");
        }
        assert!(LabelledRow::parse("[1, 2]").is_err_and(|error| error.contains("column")));
    }
}

//! Deserialisers that forgive what versions of sources disagree on: ids as text, numbers as text, times in two forms, `null` lists.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An id as text, whether the source wrote `7` or `"7"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id(pub String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl Visitor<'_> for IdVisitor {
            type Value = Id;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id")
            }
            fn visit_u64<E: Error>(self, id: u64) -> Result<Id, E> {
                Ok(Id(id.to_string()))
            }
            fn visit_i64<E: Error>(self, id: i64) -> Result<Id, E> {
                Ok(Id(id.to_string()))
            }
            fn visit_str<E: Error>(self, id: &str) -> Result<Id, E> {
                let id = id.trim();
                if id.is_empty() { Err(E::custom("an empty id")) } else { Ok(Id(id.to_owned())) }
            }
        }
        deserializer.deserialize_any(IdVisitor)
    }
}

/// Parses one row. Escaped NULs are dropped from its texts: Postgres cannot hold them, and one would block the whole page.
pub fn parse_row<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    if !json.contains("\\u0000") {
        return serde_json::from_str(json);
    }
    let mut value: Value = serde_json::from_str(json)?;
    drop_nuls(&mut value);
    serde_json::from_value(value)
}

fn drop_nuls(value: &mut Value) {
    match value {
        Value::String(text) => text.retain(|c| c != '\0'),
        Value::Array(items) => items.iter_mut().for_each(drop_nuls),
        Value::Object(members) => members.values_mut().for_each(drop_nuls),
        _ => {}
    }
}

/// RFC 3339 with any offset, or `2017-09-15 16:52:00 UTC` (also with `+0200`).
pub fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let utc = text.strip_suffix(" UTC").map(|text| format!("{text} +0000"));
    let text = utc.as_deref().unwrap_or(text);
    let forms = ["%Y-%m-%d %H:%M:%S%.f %z", "%Y-%m-%dT%H:%M:%S%.f%z"];
    forms.iter().find_map(|form| DateTime::parse_from_str(text, form).ok()).map(|time| time.to_utc())
}

struct TimeText(Option<DateTime<Utc>>);

impl<'de> Deserialize<'de> for TimeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;
        impl Visitor<'_> for TimeVisitor {
            type Value = TimeText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<TimeText, E> {
                if text.trim().is_empty() {
                    return Ok(TimeText(None));
                }
                parse_time(text).map(|time| TimeText(Some(time))).ok_or_else(|| E::custom(format!("`{text}` is not a time")))
            }
        }
        deserializer.deserialize_str(TimeVisitor)
    }
}

pub fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    Ok(Option::<TimeText>::deserialize(deserializer)?.and_then(|time| time.0))
}

pub fn required_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    TimeText::deserialize(deserializer)?.0.ok_or_else(|| D::Error::custom("an empty time"))
}

/// `2026-01-31`; of a time, its date.
pub fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDate>, D::Error> {
    let text = text(deserializer)?;
    let parsed = text.map(|text| {
        let day = text.get(..10).unwrap_or(&text);
        day.parse::<NaiveDate>().map_err(|_| D::Error::custom(format!("`{text}` is not a date")))
    });
    parsed.transpose()
}

/// Trimmed; empty counts as absent.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| match text.trim() {
        "" => None,
        trimmed if trimmed.len() == text.len() => Some(text),
        trimmed => Some(trimmed.to_owned()),
    }))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(f64),
    Text(String),
}

/// A number, or one written as text (`"68.63"`). Not finite counts as absent.
pub fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let number = match Option::<NumberOrText>::deserialize(deserializer)? {
        None => None,
        Some(NumberOrText::Number(number)) => Some(number),
        Some(NumberOrText::Text(text)) if text.trim().is_empty() => None,
        Some(NumberOrText::Text(text)) => Some(text.trim().parse().map_err(|_| D::Error::custom(format!("`{text}` is not a number")))?),
    };
    Ok(number.filter(|number: &f64| number.is_finite()))
}

/// `null` counts as the default: no list, `false`.
pub fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Row {
        id: Id,
        #[serde(default, deserialize_with = "time")]
        at: Option<DateTime<Utc>>,
        #[serde(default, deserialize_with = "number")]
        coverage: Option<f64>,
        #[serde(default, deserialize_with = "text")]
        name: Option<String>,
        #[serde(default, deserialize_with = "date")]
        due: Option<NaiveDate>,
    }

    #[test]
    fn forms_of_time() {
        let expected = parse_time("2017-09-15T16:52:00Z");
        assert!(expected.is_some());
        for text in
            ["2017-09-15 16:52:00 UTC", "2017-09-15T18:52:00.000+02:00", "2017-09-15 18:52:00 +0200", "2017-09-15T18:52:00.000+0200"]
        {
            assert_eq!(parse_time(text), expected, "{text}");
        }
        assert_eq!(parse_time("yesterday"), None);
    }

    #[test]
    fn forgiving_fields() {
        let row: Row = parse_row(r#"{"id":"7","at":"","coverage":"68.63","name":" a ","due":"2026-01-31T00:00:00Z"}"#).unwrap();
        assert_eq!((row.id.0.as_str(), row.at, row.coverage), ("7", None, Some(68.63)));
        assert_eq!((row.name.as_deref(), row.due), (Some("a"), "2026-01-31".parse().ok()));
        let row: Row = parse_row(r#"{"id":7,"at":null,"coverage":null,"name":" ","due":null}"#).unwrap();
        assert_eq!((row.id.0.as_str(), row.at, row.coverage, row.name, row.due), ("7", None, None, None, None));
        let wrong = parse_row::<Row>(r#"{"id":7,"at":"soon"}"#).unwrap_err().to_string();
        assert!(wrong.contains("`soon` is not a time"), "{wrong}");
    }

    #[test]
    fn escaped_nuls_are_dropped_and_written_backslashes_are_not() {
        let row: Row = parse_row(r#"{"id":7,"name":"a\u0000b \\u0000"}"#).unwrap();
        assert_eq!(row.name.as_deref(), Some("ab \\u0000"));
    }
}

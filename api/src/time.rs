//! Times on the wire: RFC 3339 in UTC, with `Z`. Parameters may be any RFC 3339 time, or a date, which means its midnight in UTC.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type},
};
use serde_json::Value;

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub DateTime<Utc>);

impl From<DateTime<Utc>> for Time {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time)
    }
}

impl<'de> serde::Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl Type for Time {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string_date-time".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "date-time")))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ToJSON for Time {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true)))
    }
}

impl ParseFromJSON for Time {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Self::parse_from_parameter(&text),
            other => Err(ParseError::expected_type(other.unwrap_or_default())),
        }
    }
}

impl ParseFromParameter for Time {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Self::parse(text).map_err(ParseError::custom)
    }
}

impl Time {
    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self(time.to_utc()));
        }
        // the format takes years of any length; Postgres does not
        if text.len() == 10
            && let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        {
            return Ok(Self(date.and_time(NaiveTime::MIN).and_utc()));
        }
        let plus = if text.contains(' ') { "; a `+` in a query is written %2B" } else { "" };
        Err(format!("`{text}` is neither a time like 2026-01-31T09:00:00Z nor a date like 2026-01-31{plus}"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn reads_times_and_dates_and_writes_utc() {
        let written = |text: &str| Time::parse_from_parameter(text).unwrap().to_json().unwrap();
        assert_eq!(written("2026-01-31T09:00:00+02:00"), "2026-01-31T07:00:00Z");
        assert_eq!(written("2026-01-31"), "2026-01-31T00:00:00Z");
        assert_eq!(written("2026-01-31T09:00:00.25Z"), "2026-01-31T09:00:00.250Z");
    }

    #[test]
    fn says_what_a_time_looks_like() {
        for text in ["", "yesterday", "2026-13-01", "+12026-01-01", "1769850000", "2026-01-31T09:00:00"] {
            assert!(Time::parse_from_parameter(text).is_err(), "{text}");
        }
        let message = Time::parse_from_parameter("2026-01-31T09:00:00 02:00").unwrap_err().into_message();
        assert!(message.contains("%2B"), "{message}");
    }
}

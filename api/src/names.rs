//! The domain's closed sets of names as OpenAPI enumerations: one list, the domain's own.

use std::{borrow::Cow, sync::LazyLock};

use ovia_domain::integrity::{AnomalyRule, AnomalyStatus, Severity, SubjectTable};
use ovia_domain::quality::{QualityCheck, QualityStatus};
use ovia_domain::report::{DeliveryStatus, DestinationKind, ReportKind};
use ovia_domain::risk::{RiskKind, RiskSeverity, RiskStatus};
use ovia_domain::{DocumentKind, ErrorCode, MetricKey, Overlap, RunKind, RunStatus, Source, StatusCategory, WorkItemKind};
use ovia_store::dead_letters::LetterStatus;
use ovia_store::links::LinkStatus;
use ovia_store::mappings::MappingSort;
use ovia_store::run_health::RunHealth;
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type},
};
use serde_json::Value;

/// A closed set of names.
pub(crate) trait Named: Copy + Send + Sync + 'static {
    const TITLE: &'static str;
    const EVERY: &'static [Self];
    fn text(self) -> &'static str;
    /// What the API's document says of the names; nothing where they speak for themselves.
    fn description() -> Option<&'static str> {
        None
    }
}

macro_rules! named {
    ($($type:ty, $title:literal;)*) => {$(
        impl Named for $type {
            const TITLE: &'static str = $title;
            const EVERY: &'static [Self] = &<$type>::ALL;
            fn text(self) -> &'static str {
                self.as_str()
            }
        }
    )*};
}

named! {
    RunKind, "RunKind";
    RunStatus, "RunStatus";
    RunHealth, "RunHealthState";
    LinkStatus, "MappingStatus";
    Source, "Source";
    ErrorCode, "ErrorCode";
    ovia_kpi::WindowKind, "WindowKind";
    LetterStatus, "DeadLetterStatus";
    Overlap, "Overlap";
    AnomalyRule, "AnomalyRule";
    AnomalyStatus, "AnomalyStatus";
    Severity, "AnomalySeverity";
    SubjectTable, "AnomalyTable";
    WorkItemKind, "WorkItemType";
    StatusCategory, "StatusCategory";
    DocumentKind, "DocumentType";
    QualityCheck, "QualityCheck";
    QualityStatus, "QualityStatus";
    ReportKind, "ReportKind";
    DestinationKind, "ReportDestinationKind";
    DeliveryStatus, "ReportDeliveryStatus";
    RiskKind, "RiskKind";
    RiskSeverity, "RiskSeverity";
    RiskStatus, "RiskStatus";
}

impl Named for MetricKey {
    const TITLE: &'static str = "Metric";
    const EVERY: &'static [Self] = &Self::ALL;
    fn text(self) -> &'static str {
        self.as_str()
    }
    fn description() -> Option<&'static str> {
        static WORDS: LazyLock<String> = LazyLock::new(ovia_kpi::describe_keys);
        Some(WORDS.as_str())
    }
}

impl Named for MappingSort {
    const TITLE: &'static str = "MappingSort";
    const EVERY: &'static [Self] = &[Self::Confidence, Self::ConfidenceDesc, Self::Age, Self::AgeDesc];
    fn text(self) -> &'static str {
        match self {
            Self::Confidence => "confidence",
            Self::ConfidenceDesc => "confidence_desc",
            Self::Age => "age",
            Self::AgeDesc => "age_desc",
        }
    }
}

/// One name of a closed set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<T>(pub T);

impl<T: Named> Name<T> {
    fn parse(text: &str) -> Result<Self, String> {
        let found = T::EVERY.iter().find(|item| item.text() == text);
        found.map(|item| Self(*item)).ok_or_else(|| format!("`{text}` is not one of {}", list::<T>()))
    }
}

fn list<T: Named>() -> String {
    T::EVERY.iter().map(|item| item.text()).collect::<Vec<_>>().join(", ")
}

impl<T: Named> Type for Name<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        T::TITLE.into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(T::TITLE.into())
    }

    fn register(registry: &mut poem_openapi::registry::Registry) {
        registry.create_schema::<Self, _>(T::TITLE.into(), |_| MetaSchema {
            description: T::description(),
            enum_items: T::EVERY.iter().map(|item| item.text().into()).collect(),
            ..MetaSchema::new("string")
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: Named> ToJSON for Name<T> {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.text().into())
    }
}

impl<T: Named> ParseFromJSON for Name<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Self::parse(&text).map_err(ParseError::custom),
            other => Err(ParseError::expected_type(other.unwrap_or_default())),
        }
    }
}

impl<T: Named> ParseFromParameter for Name<T> {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Self::parse(text).map_err(ParseError::custom)
    }
}

impl<'de, T: Named> serde::Deserialize<'de> for Name<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

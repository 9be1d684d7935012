//! Request bodies: JSON read with serde, so that a refusal names the field by its path, and never repeats a credential.
//!
//! The content type is not looked at: there is one format, and `curl -d` sends another type than it means.

use std::collections::BTreeSet;

use poem::{Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, Registry},
    types::Type,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::{FieldError, MAX_BODY_BYTES, Problem};

/// A JSON object as a body. `T`'s serde says what is read, its OpenAPI object says what is documented.
pub(crate) struct Body<T>(pub T);

/// A body that may be left out.
pub(crate) struct MaybeBody<T>(pub Option<T>);

impl<'a, T: Type + DeserializeOwned> ApiExtractor<'a> for MaybeBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Body::<T>::request_meta().map(|meta| MetaRequest { required: false, ..meta })
    }

    async fn from_request(_: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let bytes = body.take()?.into_bytes_limit(MAX_BODY_BYTES).await?;
        Ok(Self(if bytes.iter().all(u8::is_ascii_whitespace) { None } else { Some(parse(&bytes)?) }))
    }
}

impl<'a, T: Type + DeserializeOwned> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(_: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let bytes = body.take()?.into_bytes_limit(MAX_BODY_BYTES).await?;
        Ok(Self(parse(&bytes)?))
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| Problem::not_json(&syntax_message(&error)))?;
    if !value.is_object() {
        return Err(Problem::not_json("an object is expected"));
    }
    let mut with_nul = BTreeSet::new();
    find_nul(&value, "", &mut with_nul);
    if !with_nul.is_empty() {
        let errors = with_nul.into_iter().map(|field| FieldError { field, message: "it holds a NUL character".into() });
        return Err(Problem::validation("Text must not hold NUL characters.", errors.collect()));
    }
    serde_path_to_error::deserialize(value).map_err(|error| refusal(&error.path().to_string(), &error.inner().to_string()))
}

/// Position and reason. Serde's own text never quotes the input for syntax errors.
fn syntax_message(error: &serde_json::Error) -> String {
    if error.is_eof() { "it ends too early".into() } else { error.to_string() }
}

fn refusal(path: &str, message: &str) -> Problem {
    let within = |name: &str| if path == "." { name.to_owned() } else { format!("{path}.{name}") };
    let quoted = message.split('`').nth(1).unwrap_or_default();
    if message.starts_with("missing field") {
        return Problem::field(within(quoted), "it is missing");
    }
    if message.starts_with("unknown field") {
        // serde's path ends with the unknown field already
        let field = if path.ends_with(quoted) { path.to_owned() } else { within(quoted) };
        return Problem::field(field, format!("there is no such field{}", expected(message)));
    }
    if path.starts_with("credentials") {
        return Problem::field(path, "it has the wrong type; GET /connectors says what is expected");
    }
    if path == "secret" {
        return Problem::field(path, "it has the wrong type; a string is expected");
    }
    Problem::field(path, message)
}

/// `, expected one of …` of serde's message.
fn expected(message: &str) -> &str {
    message.find(", expected").map_or("", |at| &message[at..])
}

fn find_nul(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.contains('\0') => {
            found.insert(path.to_owned());
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| find_nul(item, &format!("{path}[{index}]"), found)),
        Value::Object(fields) => fields.iter().for_each(|(name, item)| {
            let dot = if path.is_empty() { "" } else { "." };
            let field = format!("{path}{dot}{}", name.replace('\0', "\u{fffd}"));
            if name.contains('\0') {
                found.insert(field.clone());
            }
            find_nul(item, &field, found);
        }),
        _ => {}
    }
}

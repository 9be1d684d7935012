//! CSV files as bodies of requests and answers.

use poem::{Body, Request, RequestBody, error::ReadBodyError};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    payload::Binary,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
};

use crate::problem::Problem;

/// Largest file, in bytes.
pub const MAX_CSV_BYTES: usize = 32 * 1024 * 1024;

/// A CSV file as a request's body. As with JSON, the content type is not looked at.
pub(crate) struct CsvBody(pub Vec<u8>);

impl<'a> ApiExtractor<'a> for CsvBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
        let content = vec![MetaMediaType { content_type: "text/csv", schema }];
        Some(MetaRequest {
            description: Some("CSV in UTF-8, at most 32 MiB and 100,000 lines; the first is the header."),
            content,
            required: true,
        })
    }

    async fn from_request(_: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        match body.take()?.into_bytes_limit(MAX_CSV_BYTES).await {
            Ok(bytes) => Ok(Self(bytes.into())),
            Err(ReadBodyError::PayloadTooLarge) => Err(Problem::larger_than(MAX_CSV_BYTES).into()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A CSV file as an answer.
#[derive(ApiResponse)]
pub(crate) enum CsvFile {
    /// CSV in UTF-8 with CRLF, the first line the header.
    #[oai(status = 200, content_type = "text/csv; charset=utf-8")]
    Csv(Binary<Body>, #[oai(header = "content-disposition")] String),
}

//! What a user is told when something is wrong, and the one place where HTTP statuses are chosen.
//!
//! A `Problem` has two faces: the document (code, sentence, hint, fields) and, for trouble of our own, the `cause`, which goes to the
//! log under the request id and never to the user.

use ovia_domain::{ErrorCode, RunId};
use ovia_store::StoreError;
use ovia_workflows::EngineError;
use poem::{
    Response,
    error::{NotFoundError, ReadBodyError, ResponseError},
    http::StatusCode,
};
use poem_openapi::{
    ApiResponse, Object,
    error::{AuthorizationError, ParseParamError, ParsePathError},
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::{ToJSON, Type},
};
use uuid::Uuid;

use crate::{middleware::RequestId, names::Name};

/// Largest request body, in bytes.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

pub(crate) const CONTENT_TYPE: &str = "application/problem+json";

/// A refusal or a failure.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {detail}")]
pub(crate) struct Problem {
    pub code: ErrorCode,
    /// Where the code's usual status is not the right one.
    status: Option<StatusCode>,
    pub detail: String,
    pub hint: String,
    pub errors: Vec<FieldError>,
    pub run_id: Option<RunId>,
    /// For the log.
    pub cause: Option<String>,
}

/// One offending field of a body, or one offending parameter.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub(crate) struct FieldError {
    /// Where, as `settings.page_size` or `projects[2]`.
    pub field: String,
    pub message: String,
}

/// An error, as RFC 9457 has it.
#[derive(Object)]
#[oai(rename = "Problem")]
struct ProblemOut {
    /// `urn:ovia:problem:` and the code.
    #[oai(rename = "type")]
    kind: String,
    /// The code in words.
    title: String,
    /// The HTTP status.
    status: u16,
    code: Name<ErrorCode>,
    /// What is wrong, as a sentence.
    detail: String,
    /// What to do about it.
    hint: String,
    /// The offending fields, where there are some.
    errors: Vec<FieldError>,
    /// Also in the `X-Request-Id` header and in the server's log.
    request_id: String,
    /// The run that is in the way, for some conflicts.
    #[oai(skip_serializing_if_is_none)]
    run_id: Option<Uuid>,
}

impl Problem {
    fn new(code: ErrorCode, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, status: None, detail: detail.into(), hint: hint.into(), errors: Vec::new(), run_id: None, cause: None }
    }

    /// The status of every answer that is a problem.
    pub fn status(&self) -> StatusCode {
        self.status.unwrap_or(match self.code {
            ErrorCode::ValidationError => StatusCode::BAD_REQUEST,
            ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
            ErrorCode::Forbidden => StatusCode::FORBIDDEN,
            ErrorCode::NotFound => StatusCode::NOT_FOUND,
            ErrorCode::Conflict => StatusCode::CONFLICT,
            ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::NotConfigured | ErrorCode::UpstreamUnreachable => StatusCode::SERVICE_UNAVAILABLE,
        })
    }

    fn title(&self) -> &'static str {
        match self.code {
            ErrorCode::ValidationError => "Not valid",
            ErrorCode::Unauthenticated => "Not authenticated",
            ErrorCode::Forbidden => "Not allowed",
            ErrorCode::NotFound => "Not found",
            ErrorCode::Conflict => "Conflict",
            ErrorCode::RateLimited => "Too many requests",
            ErrorCode::ServerError => "Server error",
            ErrorCode::NotConfigured => "Not configured",
            ErrorCode::UpstreamUnreachable => "Not reachable",
        }
    }

    /// The answer.
    pub fn response(&self, request_id: &str) -> Response {
        let out = ProblemOut {
            kind: format!("urn:ovia:problem:{}", self.code),
            title: self.title().into(),
            status: self.status().as_u16(),
            code: Name(self.code),
            detail: self.detail.clone(),
            hint: self.hint.clone(),
            errors: self.errors.clone(),
            request_id: request_id.into(),
            run_id: self.run_id.map(|id| id.0),
        };
        let response = Response::builder().status(self.status()).content_type(CONTENT_TYPE);
        let response = if self.code == ErrorCode::Unauthenticated { response.header("www-authenticate", "Bearer") } else { response };
        response.body(out.to_json_string())
    }

    /// Writes the cause, if there is one, to the log: the user only sees the request id.
    pub fn log(&self, request_id: &RequestId, route: &str) {
        if let Some(cause) = &self.cause {
            tracing::error!(request_id = %request_id.0, route, code = %self.code, cause, "failed to answer a request");
        }
    }

    pub fn internal(cause: impl Into<String>) -> Self {
        let detail = "Something went wrong on our side.";
        Self {
            cause: Some(cause.into()),
            ..Self::new(ErrorCode::ServerError, detail, "Try again; if it stays, look for the request id in the server's log.")
        }
    }

    pub fn validation(detail: impl Into<String>, errors: Vec<FieldError>) -> Self {
        Self {
            errors,
            ..Self::new(ErrorCode::ValidationError, detail, "Correct the fields named in `errors`; /docs describes the request.")
        }
    }

    /// With another hint than its kind has.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// One field is wrong.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let error = FieldError { field: field.into(), message: message.into() };
        Self::validation(format!("The field `{}` is not valid: {}.", error.field, error.message.trim_end_matches('.')), vec![error])
    }

    /// One parameter is wrong.
    pub fn parameter(name: &str, message: &str) -> Self {
        let error = FieldError { field: name.into(), message: message.into() };
        Self::validation(format!("The parameter `{name}` is not valid: {}.", message.trim_end_matches('.')), vec![error])
    }

    pub fn not_json(message: &str) -> Self {
        Self {
            hint: "Send a JSON object; /docs describes it.".into(),
            ..Self::validation(format!("The body is not valid JSON: {message}."), Vec::new())
        }
    }

    pub fn too_large() -> Self {
        Self::larger_than(MAX_BODY_BYTES)
    }

    pub fn larger_than(bytes: usize) -> Self {
        let detail = format!("The body is larger than {bytes} bytes.");
        Self { status: Some(StatusCode::PAYLOAD_TOO_LARGE), ..Self::new(ErrorCode::ValidationError, detail, "Send less.") }
    }

    pub fn no_token() -> Self {
        let hint = "Send `Authorization: Bearer ovia_…` with a token that the server printed at its first start or the operator made.";
        Self::new(ErrorCode::Unauthenticated, "The request has no bearer token.", hint)
    }

    pub fn bad_token() -> Self {
        Self { detail: "The bearer token is not known, or has been revoked.".into(), ..Self::no_token() }
    }

    /// A webhook's delivery. One answer for every reason.
    pub fn not_authentic() -> Self {
        let detail = "The delivery is not authentic, or there is no such webhook.";
        Self::new(
            ErrorCode::Unauthenticated,
            detail,
            "Check the address and the secret that the source was given; PUT /connections/{id}/webhook makes new ones.",
        )
    }

    pub fn no_webhook(id: Uuid) -> Self {
        let detail = format!("There is no connection {id} with a webhook.");
        Self::new(
            ErrorCode::NotFound,
            detail,
            format!("Set one with PUT /connections/{id}/webhook, or `ovia connections webhook {id} --set`."),
        )
    }

    /// `thing` as `connection`, `work item`; its plural is the path that lists what there is.
    pub fn not_found(thing: &str, id: impl std::fmt::Display) -> Self {
        let things = thing.strip_suffix('y').map_or_else(|| format!("{thing}s"), |stem| format!("{stem}ies"));
        let hint = format!("List what there is with GET /{}.", things.replace(' ', "-"));
        Self::new(ErrorCode::NotFound, format!("There is no {thing} {id}."), hint)
    }

    /// Something that is not there, where its kind alone does not say what lists it.
    pub fn missing(detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, detail, hint)
    }

    pub fn no_route() -> Self {
        Self::new(ErrorCode::NotFound, "There is nothing at this path.", "/docs lists the paths.")
    }

    pub fn bad_method() -> Self {
        let problem =
            Self::new(ErrorCode::ValidationError, "This path does not take this method.", "/docs lists the paths and their methods.");
        Self { status: Some(StatusCode::METHOD_NOT_ALLOWED), ..problem }
    }

    /// The caller is known, and may not.
    pub fn forbidden(detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorCode::Forbidden, detail, hint)
    }

    pub fn conflict(detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, detail, hint)
    }

    /// A run is in the way.
    pub fn run_in_the_way(detail: impl Into<String>, run_id: RunId) -> Self {
        let hint = format!("Wait for it (GET /runs/{run_id}/events), or cancel it (POST /runs/{run_id}/cancel).");
        Self { run_id: Some(run_id), ..Self::conflict(detail, hint) }
    }

    pub fn no_sealer() -> Self {
        let detail = "Credentials cannot be stored: the server has no key to seal them with.";
        Self::new(
            ErrorCode::NotConfigured,
            detail,
            "Set OVIA_SEALING_KEY to `k1:<base64 of 32 random bytes>` for API and worker, and start them again.",
        )
    }

    /// The problem behind an error of the web framework.
    pub fn of_framework(error: poem::Error) -> Self {
        if let Some(problem) = error.downcast_ref::<Problem>() {
            return problem.clone();
        }
        if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
            return Self::parameter(name, parse_reason(reason));
        }
        if let Some(ParsePathError { reason, .. }) = error.downcast_ref() {
            return Self::parameter("id", parse_reason(reason));
        }
        if error.is::<poem::error::ParsePathError>() {
            return Self::parameter("id", "it is not UTF-8");
        }
        if error.is::<AuthorizationError>() {
            return Self::no_token();
        }
        if matches!(error.downcast_ref(), Some(ReadBodyError::PayloadTooLarge)) {
            return Self::too_large();
        }
        if error.is::<NotFoundError>() {
            return Self::no_route();
        }
        Self::of_status(error.status(), &error.to_string())
    }

    /// The problem behind a bare status, as the framework's own answers have it. `text` is shown to the user only for statuses
    /// that are the user's doing.
    pub fn of_status(status: StatusCode, text: &str) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::no_route(),
            StatusCode::METHOD_NOT_ALLOWED => Self::bad_method(),
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            StatusCode::UNAUTHORIZED => Self::no_token(),
            status if status.is_client_error() => {
                Self { status: Some(status), ..Self::validation(format!("The request is not valid: {text}."), Vec::new()) }
            }
            _ => Self::internal(text),
        }
    }
}

/// `failed to parse "string_uuid": invalid length` without the framework's name for the type.
fn parse_reason(reason: &str) -> &str {
    match reason.strip_prefix("failed to parse \"").and_then(|rest| rest.split_once("\": ")) {
        Some((_, reason)) => reason.split(" (occurred while parsing ").next().unwrap_or(reason),
        None => reason,
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::BadCursor => Self::parameter("cursor", "it is not a `next_cursor` of this list"),
            StoreError::Conflict(detail) => Self::conflict(detail, "Look at the current state and try again."),
            error if error.is_busy() => Self::conflict(
                "Something else is being written about the same things and has not ended in time.",
                "Nothing was done. Try again in half a minute.",
            ),
            error => Self::internal(error.to_string()),
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let unreachable =
            |detail: &str, hint: &str| Self { cause: Some(error.to_string()), ..Self::new(ErrorCode::UpstreamUnreachable, detail, hint) };
        match &error {
            EngineError::Unavailable(_) => {
                unreachable("Temporal does not answer.", "Check that Temporal runs (GET /ready), then try again.")
            }
            EngineError::NoWorker(seconds) => unreachable(
                &format!("No worker took the work up within {seconds} s."),
                "Check that a worker runs (`ovia worker`), then try again.",
            ),
            EngineError::NotRunning(_) => Self::conflict("The run's workflow is not running.", "Look at the run again."),
            EngineError::Refused(_) | EngineError::Other(_) => Self::internal(error.to_string()),
        }
    }
}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        Problem::status(self)
    }
}

/// The document lists every status on every operation: any of them can come from the layers around the handlers.
impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        let of = |status, description| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType { content_type: CONTENT_TYPE, schema: ProblemOut::schema_ref() }],
            headers: Vec::new(),
        };
        MetaResponses {
            responses: vec![
                of(400, "VALIDATION_ERROR: the request is not valid; `errors` names the fields."),
                of(401, "UNAUTHENTICATED: no token, or one that is not known."),
                of(404, "NOT_FOUND: no such thing in the caller's organisation."),
                of(409, "CONFLICT: the current state does not allow it."),
                of(413, "VALIDATION_ERROR: the body is larger than 1 MiB."),
                of(500, "SERVER_ERROR: our fault; the log has the request id."),
                of(503, "NOT_CONFIGURED or UPSTREAM_UNREACHABLE: something has to be set up, or does not answer."),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        ProblemOut::register(registry);
    }
}

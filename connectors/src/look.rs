//! What asking for one item says about whether it is there.

use crate::ConnectorError;
use crate::http::HttpError;

/// What a GET found.
#[derive(Debug)]
pub enum Look<T> {
    Found(T),
    /// 404, said by the source's own API.
    Missing,
    /// 403, said by the source's own API. Not for a missing scope: that is a failure, and says nothing about the item.
    Refused,
}

/// Reads an answer.
pub fn look<T>(answer: Result<T, HttpError>) -> Result<Look<T>, ConnectorError> {
    match answer {
        Ok(found) => Ok(Look::Found(found)),
        Err(HttpError::Status { status: 404, from_api: true, .. }) => Ok(Look::Missing),
        // A proxy that has lost its way must not make data look deleted.
        Err(HttpError::Status { status: 404, request, .. }) => {
            Err(ConnectorError::Unreachable { request, message: "a 404 that is not the API's own".into() })
        }
        Err(error) if error.is_scope() => Err(error.into()),
        Err(HttpError::Status { status: 403, from_api: true, .. }) => Ok(Look::Refused),
        Err(error) => Err(error.into()),
    }
}

//! `ovia openapi`: the document that `openapi.json` is compared with.

use crate::{exit::CliResult, output::print};

pub fn run() -> CliResult {
    print(ovia_api::openapi_document().trim_end())
}

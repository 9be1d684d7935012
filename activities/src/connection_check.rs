//! `ovia.connection_check`. Reads only.

use ovia_workflows::{ConnectionCheck, types::ConnectionRef};
use temporalio_sdk::activities::ActivityError;

use crate::{Activities, budget::BudgetClass, connector, failure};

pub async fn connection_check(activities: &Activities, input: ConnectionRef) -> Result<ConnectionCheck, ActivityError> {
    let mut check = ConnectionCheck { ok: false, account: None, version: None, warnings: Vec::new(), error: None };
    let checked = match connector::open(activities, input.org_id, input.connection_id, BudgetClass::Live).await? {
        Ok(connector) => connector.check().await.map_err(|error| failure::source(&error, connector.source())),
        Err(error) => Err(error),
    };
    match checked {
        Ok(report) => {
            check.ok = true;
            check.account = Some(report.account);
            check.version = report.version;
            check.warnings = report.warnings;
        }
        Err(error) => check.error = Some(error),
    }
    Ok(check)
}

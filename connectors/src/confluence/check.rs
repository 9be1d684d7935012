//! Whether a connection works: who the credentials belong to, and which configured spaces they see.
//!
//! Only an unreachable site or refused credentials fail the check; a space that is missing is a warning, so that one check lists all.

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::value::RawValue;

use super::lists::Lists;
use super::wire::{Space, User};
use crate::atlassian::expiry_warning;
use crate::contract::CheckReport;
use crate::http::{HttpError, RequestCount};
use crate::lenient::parse_row;
use crate::{ConnectorConfig, ConnectorError};

pub async fn check(lists: &Lists<'_>, config: &ConnectorConfig) -> Result<CheckReport, ConnectorError> {
    let requests = RequestCount::to("check");
    let answer = lists.client.get::<User>(&lists.client.v1(&["user", "current"], &[]), &requests).await?;
    let me = answer.body;
    let mut warnings: Vec<String> = expiry_warning(&config.credentials, &answer.headers).into_iter().collect();
    let Some(account_id) = me.account_id else {
        // Nobody is logged in: anonymous access would show a part and call it all.
        let request = "GET user/current".to_owned();
        return Err(ConnectorError::Unauthenticated { request });
    };
    if me.time_zone.is_none_or(|name| name.parse::<chrono_tz::Tz>().is_err()) {
        warnings.push("The account's time zone is not known: every sync reads the last 26 hours again.".into());
    }
    warnings.extend(group_warning(lists, &requests).await?);
    let requests = &requests;
    let keys: Vec<Option<String>> = stream::iter(lists.settings.space_keys.clone())
        .map(|key: String| async move { space_warning(lists, &key, requests).await })
        .buffered(lists.settings.max_in_flight as usize)
        .try_collect()
        .await?;
    warnings.extend(keys.into_iter().flatten());
    let account = me.display_name.or(me.public_name).unwrap_or(account_id);
    Ok(CheckReport { account, version: None, warnings })
}

async fn group_warning(lists: &Lists<'_>, requests: &RequestCount) -> Result<Option<String>, ConnectorError> {
    match lists.client.list(&lists.client.v1(&["group"], &[("limit", "1")]), requests).await {
        Ok(_) => Ok(None),
        Err(HttpError::Status { status: 403 | 404, .. }) => {
            Ok(Some("The account may not see groups: accounts are known only as far as they wrote something.".into()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn space_warning(lists: &Lists<'_>, key: &str, requests: &RequestCount) -> Result<Option<String>, ConnectorError> {
    match lists.space_by_key(key, requests).await {
        Ok(rows) if rows.iter().any(|raw| is_archived(raw)) => {
            Ok(Some(format!("The space {key} is archived: nothing in it changes any more.")))
        }
        Ok(_) => Ok(None),
        Err(ConnectorError::NotFound { .. }) => Ok(Some(format!("The space {key} does not exist or the account cannot see it."))),
        Err(ConnectorError::Forbidden { message, .. }) => Ok(Some(format!("The account may not read the space {key}: {message}"))),
        Err(error) => Err(error),
    }
}

fn is_archived(raw: &RawValue) -> bool {
    parse_row::<Space>(raw.get()).is_ok_and(|space| space.status.as_deref() == Some("archived"))
}

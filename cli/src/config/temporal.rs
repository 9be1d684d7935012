//! Temporal's own configuration: environment variables and `temporal.toml`, read by its SDK.

use temporalio_client::{ClientOptions, ConnectionOptions, envconfig::LoadClientConfigProfileOptions};
use url::Url;

/// Where Temporal is and how to reach it.
#[derive(Clone, Debug)]
pub struct TemporalSettings {
    pub connection: ConnectionOptions,
    pub client: ClientOptions,
}

impl TemporalSettings {
    /// What TEMPORAL_* and `temporal.toml` say; localhost:7233 and the namespace `default` where they say nothing.
    pub fn load() -> Result<Self, String> {
        let (connection, client) =
            ClientOptions::load_from_config(LoadClientConfigProfileOptions::default()).map_err(|error| error.to_string())?;
        Ok(Self { connection, client })
    }

    /// The dev server at `address` (`127.0.0.1:7233`), whatever the environment says.
    pub fn local(address: &str) -> Result<Self, String> {
        let target = Url::parse(&format!("http://{address}")).map_err(|error| error.to_string())?;
        Ok(Self { connection: ConnectionOptions::new(target).build(), client: ClientOptions::new("default".to_owned()).build() })
    }
}

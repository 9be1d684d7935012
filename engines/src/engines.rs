//! Both engines together.

use std::path::{Path, PathBuf};

use crate::{
    data_dir::{DataDir, EnginesFile},
    error::EnginesError,
    postgres::PostgresServer,
    temporal::TemporalServer,
};

/// What a crash of the machine may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was committed. Ports are kept from start to start, and the default ones are tried first.
    Durable,
    /// Everything: no fsync, any ports, more connections. For tests.
    Throwaway,
}

#[derive(Clone, Debug)]
pub struct EnginesConfig {
    /// Where `scripts/setup` puts the `temporal` CLI.
    pub tools_dir: PathBuf,
    pub durability: Durability,
}

/// A running PostgreSQL and Temporal. Call `stop`; dropping only asks them to end and does not wait.
pub struct Engines {
    postgres: PostgresServer,
    temporal: TemporalServer,
    data_dir: DataDir,
}

impl Engines {
    /// Starts both, beside each other, and waits until they are ready.
    pub async fn start(data_dir: DataDir, config: &EnginesConfig) -> Result<Self, EnginesError> {
        let mut file = data_dir.engines_file_read()?;
        if file.postgres_password.is_empty() {
            file.postgres_password = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
            data_dir.engines_file_write(&file)?;
        }
        let postgres = PostgresServer::start(&data_dir, config.durability, &file);
        let temporal = TemporalServer::start(&data_dir, &config.tools_dir, config.durability, &file);
        match tokio::join!(postgres, temporal) {
            (Ok(postgres), Ok(temporal)) => {
                let engines = Self { postgres, temporal, data_dir };
                engines.remember(file)?;
                Ok(engines)
            }
            (Ok(postgres), Err(error)) => {
                postgres.stop().await;
                Err(error)
            }
            (Err(error), Ok(temporal)) => {
                temporal.stop().await;
                Err(error)
            }
            (Err(error), Err(_)) => Err(error),
        }
    }

    /// URL of the database `ovia`, password included.
    pub fn database_url(&self) -> String {
        self.postgres.url("ovia")
    }

    /// URL of the maintenance database, as the superuser: for making databases.
    pub fn admin_database_url(&self) -> String {
        self.postgres.url("postgres")
    }

    /// `127.0.0.1:{port}`, gRPC.
    pub fn temporal_address(&self) -> String {
        format!("127.0.0.1:{}", self.temporal.port)
    }

    pub fn temporal_ui_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.temporal.ui_port)
    }

    /// The Temporal server's own Prometheus metrics.
    pub fn temporal_metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.temporal.metrics_port)
    }

    pub fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// Resolves when one of them ends without being asked to.
    pub async fn ended(&mut self) -> EnginesError {
        tokio::select! {
            error = self.postgres.child.ended() => error,
            error = self.temporal.child.ended() => error,
        }
    }

    /// Stops Temporal, then PostgreSQL, and waits for both.
    pub async fn stop(self) {
        self.temporal.stop().await;
        self.postgres.stop().await;
    }

    fn remember(&self, mut file: EnginesFile) -> Result<(), EnginesError> {
        file.postgres_port = self.postgres.port;
        file.temporal_port = self.temporal.port;
        file.temporal_ui_port = self.temporal.ui_port;
        file.temporal_metrics_port = self.temporal.metrics_port;
        self.data_dir.engines_file_write(&file)
    }
}

//! A PostgreSQL and a Temporal of one test's own, which it can kill and start again, on the same ports and with the same data.
//!
//! The engines crate makes the data and the command lines; a look into /proc tells them. It starts both engines or none, and a test
//! wants them to die one by one.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use ovia_engines::{DataDir, Durability, Engines, EnginesConfig};
use ovia_workflows::{Engine, TemporalEngine, types::SyncTuning};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{app::temporal_config, engine_process::EngineProcess};

/// Two running engines. Both are stopped, and their data is removed, when this is dropped.
pub struct PrivateEngines {
    /// The database `ovia`, as its superuser.
    pub database_url: String,
    /// `127.0.0.1:{port}`, gRPC.
    pub temporal_address: String,
    postgres: EngineProcess,
    temporal: EngineProcess,
    // last, so that it is removed after the engines have ended
    _folder: TempDir,
}

impl PrivateEngines {
    pub async fn start() -> Self {
        // PostgreSQL may run as another user than we do: it must be able to pass through
        let folder = tempfile::Builder::new().prefix("ovia-private-").permissions(Permissions::from_mode(0o711)).tempdir();
        let folder = folder.unwrap_or_else(|error| panic!("{error}"));
        let data = folder.path().join("data");
        ports_choose(&data);
        let tools =
            std::env::var_os("OVIA_TOOLS_DIR").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ovia/tools"), PathBuf::from);
        let config = EnginesConfig { tools_dir: tools, durability: Durability::Durable };
        let data_dir = DataDir::open(&data).unwrap_or_else(|error| panic!("{error}"));
        let made = Engines::start(data_dir, &config).await.unwrap_or_else(|error| panic!("{error}"));
        let mut engines = Self {
            database_url: made.database_url(),
            temporal_address: made.temporal_address(),
            postgres: EngineProcess::like_running("postgres", &data.join("postgres/data"), &data),
            temporal: EngineProcess::like_running("temporal", &data.join("temporal.db"), &data),
            _folder: folder,
        };
        made.stop().await;
        engines.start_postgres().await;
        engines.start_temporal().await;
        engines
    }

    /// SIGKILL, to the server and all its backends. Nothing of it runs when this returns.
    pub async fn kill_postgres(&mut self) {
        self.postgres.kill().await;
    }

    /// Starts it again and waits until it answers.
    pub async fn start_postgres(&mut self) {
        let url = &self.database_url;
        self.postgres.start(async || PgConnection::connect(url).await.ok()?.close().await.ok()).await;
    }

    /// SIGKILL. Nothing of it runs when this returns.
    pub async fn kill_temporal(&mut self) {
        self.temporal.kill().await;
    }

    /// Removes the data of a Temporal that was killed.
    pub fn forget_temporal(&self) {
        let data = self._folder.path().join("data");
        for name in ["temporal.db", "temporal.db-wal", "temporal.db-shm", "temporal.db-journal"] {
            let _ = fs::remove_file(data.join(name));
        }
    }

    /// Starts it again and waits until it answers.
    pub async fn start_temporal(&mut self) {
        let address = &self.temporal_address;
        self.temporal
            .start(async || {
                let config = temporal_config(address, "", SyncTuning::default());
                TemporalEngine::connect(config).await.ok()?.ready().await.ok()
            })
            .await;
    }
}

/// Chooses the ports before the first start. They are none that the kernel hands out: one of those could be taken by somebody's outgoing
/// connection while the engine is dead, and even by a client's that is trying to reach it.
fn ports_choose(data: &Path) {
    let mut held = Vec::new();
    while held.len() < 4 {
        let port = 20_000 + (Uuid::new_v4().as_u128() % 12_000) as u16;
        held.extend(TcpListener::bind(("127.0.0.1", port)));
    }
    let ports: Vec<u16> = held.iter().filter_map(|listener| Some(listener.local_addr().ok()?.port())).collect();
    let file =
        json!({"postgres_port": ports[0], "temporal_port": ports[1], "temporal_ui_port": ports[2], "temporal_metrics_port": ports[3]});
    let written = fs::create_dir(data).and_then(|()| fs::set_permissions(data, Permissions::from_mode(0o711)));
    written
        .and_then(|()| fs::write(data.join("engines.json"), file.to_string()))
        .unwrap_or_else(|error| panic!("{}: {error}", data.display()));
}

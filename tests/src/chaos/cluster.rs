//! Everything that can be killed: two engines, an API, two workers.

use std::{net::TcpListener, path::Path, time::Duration};

use nix::sys::signal::Signal;
use ovia_store::Sealer;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::process::Service;
use crate::PrivateEngines;

pub(super) const TASK_QUEUE: &str = "ovia-chaos";
/// How long one look at an engine that starts may take: other things go on meanwhile.
const LOOK: Duration = Duration::from_millis(400);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Postgres,
    Temporal,
    Api,
    WorkerOne,
    WorkerTwo,
}

impl Part {
    pub const ALL: [Part; 5] = [Part::Postgres, Part::Temporal, Part::Api, Part::WorkerOne, Part::WorkerTwo];

    pub fn name(self) -> &'static str {
        match self {
            Part::Postgres => "postgres",
            Part::Temporal => "temporal",
            Part::Api => "api",
            Part::WorkerOne => "worker 1",
            Part::WorkerTwo => "worker 2",
        }
    }
}

/// Where a part is between a kill and the next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Dead {
        until: Instant,
    },
    /// An engine that does not answer yet.
    Starting,
    Up,
}

pub(super) struct Cluster {
    pub engines: PrivateEngines,
    pub api_address: String,
    services: [Service; 3],
    states: [State; 5],
    /// By part, in the order of `Part::ALL`.
    pub kills: [u32; 5],
    pub freezes: u32,
    frozen: Vec<(Part, Instant)>,
}

impl Cluster {
    /// Starts the engines; the services begin with the first `tick`. Logs go to `logs`.
    pub async fn start(logs: &Path) -> Self {
        let engines = PrivateEngines::start().await;
        let api_address = format!("127.0.0.1:{}", free_port());
        let env = |extra: Vec<(&'static str, String)>| {
            let mut env = vec![
                ("OVIA_DATABASE_URL", engines.database_url.clone()),
                ("OVIA_ALLOW_PRIVATE_ADDRESSES", "true".into()),
                ("OVIA_TASK_QUEUE", TASK_QUEUE.into()),
                ("OVIA_METRICS_LISTEN", "127.0.0.1:0".into()),
                ("TEMPORAL_ADDRESS", engines.temporal_address.clone()),
                ("TEMPORAL_NAMESPACE", "default".into()),
            ];
            env.extend(extra);
            env
        };
        let key = ("OVIA_SEALING_KEY", Sealer::generate_key());
        let worker = env(vec![key.clone()]);
        let services = [
            Service::new("api", "api", env(vec![key, ("OVIA_API_LISTEN", api_address.clone())]), logs.join("api.log")),
            Service::new("worker 1", "worker", worker.clone(), logs.join("worker-1.log")),
            Service::new("worker 2", "worker", worker, logs.join("worker-2.log")),
        ];
        let now = Instant::now();
        let dead = State::Dead { until: now };
        Self {
            engines,
            api_address,
            services,
            states: [State::Up, State::Up, dead, dead, dead],
            kills: [0; 5],
            freezes: 0,
            frozen: Vec::new(),
        }
    }

    pub fn is_alive(&self, part: Part) -> bool {
        !matches!(self.states[part as usize], State::Dead { .. })
    }

    pub fn is_up(&self) -> bool {
        self.frozen.is_empty() && self.states.iter().all(|state| *state == State::Up)
    }

    /// SIGKILL; it is started again after `rest`. False if it had ended by itself.
    pub async fn kill(&mut self, part: Part, rest: Duration) -> bool {
        match part {
            Part::Postgres => self.engines.kill_postgres().await,
            Part::Temporal => self.engines.kill_temporal().await,
            Part::Api | Part::WorkerOne | Part::WorkerTwo if self.service(part).is_alive() => self.service(part).kill(),
            Part::Api | Part::WorkerOne | Part::WorkerTwo => return false,
        }
        self.kills[part as usize] += 1;
        self.states[part as usize] = State::Dead { until: Instant::now() + rest };
        true
    }

    /// SIGSTOP, until `length` is over. Workers only; false if this one does not run.
    pub fn freeze(&mut self, part: Part, length: Duration) -> bool {
        let frozen = self.service(part).signal(Signal::SIGSTOP);
        if frozen {
            self.freezes += 1;
            self.frozen.push((part, Instant::now() + length));
        }
        frozen
    }

    /// Starts and wakes what is due. Comes back soon, ready or not.
    pub async fn tick(&mut self) {
        for (part, until) in std::mem::take(&mut self.frozen) {
            if until > Instant::now() {
                self.frozen.push((part, until));
            } else {
                // it may have been killed, and be another one by now
                self.service(part).signal(Signal::SIGCONT);
            }
        }
        for part in Part::ALL {
            let due = match self.states[part as usize] {
                State::Dead { until } => until <= Instant::now(),
                State::Starting => true,
                State::Up => false,
            };
            let state = match part {
                Part::Postgres if due => engine_state(timeout(LOOK, self.engines.start_postgres()).await.is_ok()),
                Part::Temporal if due => engine_state(timeout(LOOK, self.engines.start_temporal()).await.is_ok()),
                Part::Postgres | Part::Temporal => continue,
                Part::Api | Part::WorkerOne | Part::WorkerTwo => {
                    let service = self.service(part);
                    if due {
                        service.start();
                    }
                    match service.is_alive() {
                        true => State::Up,
                        // as an init system does: at once at first, then after a pause
                        false if due || self.states[part as usize] == State::Up => State::Dead { until: Instant::now() + LOOK },
                        false => continue,
                    }
                }
            };
            self.states[part as usize] = state;
        }
    }

    fn service(&mut self, part: Part) -> &mut Service {
        &mut self.services[match part {
            Part::WorkerTwo => 2,
            Part::WorkerOne => 1,
            _ => 0,
        }]
    }

    /// Starts that came to nothing because an engine was away; and ends of services that had been working, by name.
    pub fn ends(&self) -> (u32, Vec<(&'static str, u32)>) {
        let gave_up = self.services.iter().filter(|service| service.gave_up > 0).map(|service| (service.name, service.gave_up));
        (self.services.iter().map(|service| service.not_started).sum(), gave_up.collect())
    }
}

fn engine_state(ready: bool) -> State {
    if ready { State::Up } else { State::Starting }
}

/// None that the kernel hands out: an outgoing connection could take it while the API is dead.
fn free_port() -> u16 {
    loop {
        let port = 20_000 + (Uuid::new_v4().as_u128() % 12_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

//! The course of a chaos run.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::Utc;
use ovia_store::Store;
use reqwest::Method;
use secrecy::ExposeSecret;
use tempfile::TempDir;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    ChaosOptions, ChaosReport, books,
    cluster::{Cluster, Part},
    dice::Dice,
    source::Source,
    traffic::{self, Api},
    verdict::{Verdict, judge, settle},
    watcher::{Seen, watch_events},
};

const TICK: Duration = Duration::from_millis(100);
/// A killed process rests at most so long.
const REST_MAX: Duration = Duration::from_secs(2);
/// A frozen worker wakes after between so long: Temporal gives a slice up after five seconds without a heartbeat.
const FROZEN: (Duration, Duration) = (Duration::from_secs(6), Duration::from_secs(10));
pub(super) const TELL_EVERY: Duration = Duration::from_secs(15);
/// Between the changes of a source, on average. A change of the wide one costs it seconds of work.
const CHANGE_EVERY: Duration = Duration::from_secs(4);
const READY: Duration = Duration::from_secs(60);

/// A source, connected.
pub(super) struct Connected {
    pub source: Arc<Source>,
    pub id: String,
    pub backfill: String,
}

/// What the end is judged by.
pub(super) struct Scene {
    pub options: ChaosOptions,
    pub cluster: Cluster,
    pub store: Store,
    pub api: Api,
    pub connections: Vec<Connected>,
    pub seen: watch::Receiver<Seen>,
}

/// A whole chaos run. Nothing that it started is left when it returns, panics or is dropped.
pub async fn chaos(options: ChaosOptions) -> anyhow::Result<ChaosReport> {
    let began = Instant::now();
    let own = TempDir::with_prefix("ovia-chaos-")?;
    let logs = options.logs.clone().unwrap_or_else(|| own.path().to_owned());
    std::fs::create_dir_all(&logs)?;
    let (mut scene, watching) = prepare(&options, &logs).await?;
    scene.say(&format!("everything is up; chaos begins (logs in {})", logs.display()));
    let chaos_began = Instant::now();
    let (stop, stopped) = watch::channel(false);
    let mut dice = Dice::new(options.seed);
    let mut syncs = Vec::new();
    let mut changes = Vec::new();
    for connected in &scene.connections {
        connected.source.misbehave(dice.next());
        let (api, source) = (scene.api.clone(), Arc::clone(&connected.source));
        let sync = traffic::syncs(api, connected.id.clone(), connected.backfill.clone(), source, options.sync_every, stopped.clone());
        syncs.push(AbortOnDropHandle::new(tokio::spawn(sync)));
        let own = Dice::new(dice.next());
        let every = if connected.source.details { CHANGE_EVERY } else { options.sync_every };
        changes.push(AbortOnDropHandle::new(tokio::spawn(traffic::changes(Arc::clone(&connected.source), own, every, stopped.clone()))));
    }
    wreak(&mut scene, &mut dice).await;
    let chaos_seconds = chaos_began.elapsed().as_secs_f64();
    scene.say("chaos is over");
    stop.send_replace(true);
    for sync in syncs {
        sync.await?;
    }
    let mut changed = 0;
    for change in changes {
        changed += change.await?;
    }
    for connected in &scene.connections {
        connected.source.behave();
    }
    let settling = Instant::now();
    let settled = settle(&mut scene, Instant::now() + options.settle).await;
    let settle_seconds = settling.elapsed().as_secs_f64();
    if let Some(statements) = options.sabotage {
        sqlx::raw_sql(statements).execute(scene.store.pool()).await?;
    }
    let verdict = judge(&mut scene, settled, &logs).await;
    drop(watching);
    let report = report(&scene, verdict, changed);
    let report = ChaosReport { seconds: began.elapsed().as_secs_f64(), chaos_seconds, settle_seconds, ..report };
    if report.is_clean() || options.sabotage.is_some() {
        return Ok(report);
    }
    if options.logs.is_none() {
        let _kept = own.keep();
    }
    Ok(ChaosReport { logs: Some(logs), ..report })
}

/// Everything up, both sources connected, both backfills started.
async fn prepare(options: &ChaosOptions, logs: &Path) -> anyhow::Result<(Scene, AbortOnDropHandle<()>)> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let now = Utc::now();
    let wanted = options.clone();
    let sources = tokio::task::spawn_blocking(move || [Source::wide(&wanted, now), Source::deep(&wanted, now)]).await?;
    let mut cluster = Cluster::start(logs).await;
    let store = Store::connect(&cluster.engines.database_url, 5).await?;
    store.migrate().await?;
    let first = store.first_token_create("chaos").await?;
    let (_, token) = first.ok_or_else(|| anyhow::anyhow!("a new database has no token yet"))?;
    let api = Api::new(&cluster.api_address, token.expose_secret().to_owned());
    let ready = Instant::now();
    while !cluster.is_up() || api.send(Method::GET, "/ready", None, None, &[200, 503]).await.is_none_or(|(status, _)| status != 200) {
        cluster.tick().await;
        anyhow::ensure!(ready.elapsed() < READY, "not everything was up after {} s; the logs are in {}", READY.as_secs(), logs.display());
        sleep(TICK).await;
    }
    let mut connections = Vec::new();
    for source in sources {
        let (_, connection) = api.insist(Method::POST, "/connections", Some(&source.connection()), None, &[201]).await;
        let id = connection["id"].as_str().unwrap_or_default().to_owned();
        let backfill = api.backfill(&id, &source).await;
        connections.push(Connected { source: Arc::new(source), id, backfill });
    }
    let (told, seen) = watch::channel(Seen::default());
    let watching = AbortOnDropHandle::new(tokio::spawn(watch_events(api.clone(), told)));
    Ok((Scene { options: options.clone(), cluster, store, api, connections, seen }, watching))
}

/// Kills at the dice's moments, and starts again what was killed.
async fn wreak(scene: &mut Scene, dice: &mut Dice) {
    let options = scene.options.clone();
    let began = Instant::now();
    let mut moments = dice.moments(options.kills, options.chaos).into_iter().peekable();
    let mut freezes = dice.moments(options.freezes, options.chaos).into_iter().peekable();
    let mut told = Instant::now();
    while began.elapsed() < options.chaos || moments.peek().is_some() {
        if moments.peek().is_some_and(|moment| *moment <= began.elapsed()) {
            let alive: Vec<Part> = Part::ALL.into_iter().filter(|part| scene.cluster.is_alive(*part)).collect();
            let (victim, rest) = (dice.pick(&alive), dice.duration(Duration::ZERO, REST_MAX));
            if let Some(victim) = victim
                && scene.cluster.kill(victim, rest).await
            {
                moments.next();
                scene.say(&format!("{:>5.1} s: killed {}", began.elapsed().as_secs_f64(), victim.name()));
            }
        }
        if freezes.peek().is_some_and(|moment| *moment <= began.elapsed()) {
            let (victim, length) = (dice.pick(&[Part::WorkerOne, Part::WorkerTwo]), dice.duration(FROZEN.0, FROZEN.1));
            if let Some(victim) = victim
                && scene.cluster.freeze(victim, length)
            {
                freezes.next();
                scene.say(&format!("{:>5.1} s: froze {} for {:.1} s", began.elapsed().as_secs_f64(), victim.name(), length.as_secs_f64()));
            }
        }
        if told.elapsed() > TELL_EVERY {
            told = Instant::now();
            scene.tell_progress().await;
        }
        scene.cluster.tick().await;
        sleep(TICK).await;
    }
}

fn report(scene: &Scene, verdict: Verdict, changes: u32) -> ChaosReport {
    let stats: Vec<_> = scene.connections.iter().map(|connected| connected.source.server.stats()).collect();
    let sum = |of: fn(&ovia_demo::Stats) -> u64| stats.iter().map(of).sum::<u64>();
    let kills: std::collections::BTreeMap<_, _> = Part::ALL.iter().map(|part| (part.name(), scene.cluster.kills[*part as usize])).collect();
    ChaosReport {
        seed: scene.options.seed,
        kills_total: kills.values().sum(),
        kills,
        freezes: scene.cluster.freezes,
        starts_failed: scene.cluster.ends().0,
        runs: verdict.runs,
        answers: scene.api.answers(),
        faults: [
            ("429", sum(|stats| stats.rate_limited)),
            ("5xx", sum(|stats| stats.server_errors)),
            ("dropped", sum(|stats| stats.dropped)),
            ("truncated", sum(|stats| stats.truncated)),
        ]
        .into(),
        requests: sum(|stats| stats.requests),
        changes,
        rows: verdict.rows,
        raw_records: verdict.raw_records,
        events: verdict.events,
        event_streams: scene.seen.borrow().streams,
        violations: verdict.violations,
        ..ChaosReport::default()
    }
}

impl Scene {
    /// How far things are, if Postgres answers at once.
    pub async fn tell_progress(&self) {
        if self.options.talk
            && let Ok(Ok(progress)) = timeout(TICK * 5, books::progress(&self.store)).await
        {
            self.say(&progress);
        }
    }

    pub fn say(&self, text: &str) {
        if self.options.talk {
            eprintln!("chaos: {text}");
        }
    }
}

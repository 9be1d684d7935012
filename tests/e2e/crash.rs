//! Workers die; the end state is the same.

use ovia_demo::{CompanySize, FaultKind, Faults};
use ovia_tests::{TestApp, TestOptions, eventually, state};

use crate::{demo, demo::every, truth::assert_synced};

#[tokio::test]
async fn five_sigkills_during_a_sync_change_nothing() {
    let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    // slow enough that five workers die in the middle of it
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(10))] });
    let connection = demo::connect(&app, &demo).await;
    let mut worker = app.worker_process();
    let run = app.sync_start(&connection).await;

    let mut rows = 0;
    for _ in 0..5 {
        // kill only after the new worker has made progress of its own
        rows = eventually("progress", 60, || async {
            let now = state::count(&app.store, "select count(*) from raw_records").await;
            (now > rows + 20).then_some(now)
        })
        .await;
        assert_eq!(app.run(&run).await["status"], "running", "the sync ended before five workers died");
        worker.kill();
        worker = app.worker_process();
    }
    demo.set_faults(Faults::default());
    let run = app.run_end(&run, 180).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_synced(&app.store, &demo.truth()).await;
    assert_eq!(state::count(&app.store, "select count(*) from detail_queue").await, 0);
    let held = "select count(*) from connection_leases where expires_at > now()";
    assert_eq!(state::count(&app.store, held).await, 0, "the lease was not released");
    drop(worker);
}

//! A thread that starts children and lives as long as the process.
//!
//! Linux sends the parent-death signal when the *thread* that started the child ends, not the process. Children started from one of
//! tokio's pool threads would be killed whenever the pool shrinks.

use std::{
    sync::{OnceLock, mpsc},
    thread,
};

use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::oneshot,
};

type Job = Box<dyn FnOnce() + Send>;

fn jobs() -> &'static mpsc::Sender<Job> {
    static JOBS: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    JOBS.get_or_init(|| {
        let (sender, receiver) = mpsc::channel::<Job>();
        thread::spawn(move || receiver.into_iter().for_each(|job| job()));
        sender
    })
}

/// Starts `command` from the keeper thread. Must be called within a tokio runtime.
pub(crate) async fn spawn(mut command: Command) -> std::io::Result<Child> {
    let runtime = Handle::current();
    let (reply, child) = oneshot::channel();
    let job: Job = Box::new(move || {
        let _context = runtime.enter();
        // A receiver that is gone drops the child with its caller.
        let _ = reply.send(command.spawn());
    });
    let gone = || std::io::Error::other("the thread that starts children is gone");
    jobs().send(job).map_err(|_| gone())?;
    child.await.map_err(|_| gone())?
}

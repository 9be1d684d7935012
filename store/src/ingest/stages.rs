//! Some pages of one stream on their way into Postgres at once, in order.
//!
//! Half of a page's time goes into raw records and half into domain rows. The raw records of several pages may be written side by side,
//! each on a connection of its own: no record is on two of them. Domain rows are written one page at a time, in order, since pages share
//! some (who wrote what), and so are the books (lease, cursor, counters). A page waits only for pages before it, never for later ones,
//! neither here nor for a row in Postgres: so nobody waits in a circle.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;

use crate::StoreError;

/// The pages of one walk that are being stored.
#[derive(Debug)]
pub struct Stages {
    /// Pages that have come.
    entered: AtomicU64,
    /// Pages whose domain rows are written.
    entities: watch::Sender<u64>,
    /// Pages that are committed.
    committed: watch::Sender<u64>,
    /// A page was not committed; those behind it must not be.
    broken: AtomicBool,
}

impl Default for Stages {
    fn default() -> Self {
        Self {
            entered: AtomicU64::new(0),
            entities: watch::Sender::new(0),
            committed: watch::Sender::new(0),
            broken: AtomicBool::new(false),
        }
    }
}

/// A page on its way.
pub(super) struct Turn<'a> {
    stages: &'a Stages,
    /// Pages before it.
    place: u64,
    in_books: bool,
    left: bool,
}

impl Stages {
    /// The next page: pages are stored in the order in which they enter.
    pub(super) fn enter(&self) -> Turn<'_> {
        Turn { stages: self, place: self.entered.fetch_add(1, Ordering::AcqRel), in_books: false, left: false }
    }

    async fn wait(&self, done: &watch::Sender<u64>, place: u64) -> Result<(), StoreError> {
        // the sender lives as long as this future
        let _ = done.subscribe().wait_for(|done| *done >= place || self.broken.load(Ordering::Acquire)).await;
        if self.broken.load(Ordering::Acquire) {
            return Err(StoreError::Conflict("the page before this one was not stored".into()));
        }
        Ok(())
    }
}

impl Turn<'_> {
    /// Waits until the pages before have written their domain rows.
    pub async fn enter_entities(&mut self) -> Result<(), StoreError> {
        self.stages.wait(&self.stages.entities, self.place).await
    }

    /// Lets the next page write its domain rows, and waits until the pages before are committed.
    pub async fn enter_books(&mut self) -> Result<(), StoreError> {
        self.enter_entities().await?;
        self.in_books = true;
        self.stages.entities.send_replace(self.place + 1);
        self.stages.wait(&self.stages.committed, self.place).await
    }

    /// Whether the next page may have written its domain rows. From then on this page must write none: it could wait for that one, which
    /// waits for it.
    pub fn is_in_books(&self) -> bool {
        self.in_books
    }

    /// The page is committed.
    pub fn leave(mut self) {
        self.left = true;
        self.stages.committed.send_replace(self.place + 1);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.left {
            self.stages.broken.store(true, Ordering::Release);
            // whoever waits looks again
            self.stages.entities.send_modify(|_| {});
            self.stages.committed.send_modify(|_| {});
        }
    }
}

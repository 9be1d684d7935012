//! Two pages of one stream on their way into Postgres at once, in order.
//!
//! Half of a page's time goes into raw records and half into domain rows. So page N + 1 may write its raw records, on a connection of
//! its own, while page N writes its domain rows. A page enters a stage before it leaves the one before, and a stage holds one page: so
//! pages cannot overtake each other, and a page waits only for pages before it, never for later ones.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard};

use crate::StoreError;

/// The stages of one walk.
#[derive(Debug, Default)]
pub struct Stages {
    raw: Mutex<()>,
    entities: Mutex<()>,
    books: Mutex<()>,
    /// A page was not committed; those behind it must not be.
    broken: AtomicBool,
}

/// Where a page is: it holds one stage.
pub(super) struct Turn<'a> {
    stages: &'a Stages,
    at: Stage,
    // dropped after `drop` has run: nobody enters before `broken` is set
    held: MutexGuard<'a, ()>,
}

#[derive(PartialEq, Eq)]
enum Stage {
    Raw,
    Entities,
    Books,
    Left,
}

impl Stages {
    /// Waits until the page before has written its raw records.
    pub(super) async fn enter(&self) -> Turn<'_> {
        Turn { stages: self, at: Stage::Raw, held: self.raw.lock().await }
    }
}

impl Turn<'_> {
    /// Waits until the page before has written its domain rows. Does nothing for a page that is there already.
    pub async fn enter_entities(&mut self) {
        if self.at == Stage::Raw {
            self.held = self.stages.entities.lock().await;
            self.at = Stage::Entities;
        }
    }

    /// Waits until the page before is committed.
    pub async fn enter_books(&mut self) -> Result<(), StoreError> {
        self.enter_entities().await;
        self.held = self.stages.books.lock().await;
        self.at = Stage::Books;
        if self.stages.broken.load(Ordering::Acquire) {
            return Err(StoreError::Conflict("the page before this one was not stored".into()));
        }
        Ok(())
    }

    /// The page is committed.
    pub fn leave(mut self) {
        self.at = Stage::Left;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.at != Stage::Left {
            self.stages.broken.store(true, Ordering::Release);
        }
    }
}

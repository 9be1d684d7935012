//! Changes after the fact. The truth follows.

use chrono::{DateTime, SubsecRound, Utc};

use super::model::{Block, Comment, Document, Version, WikiFacts};
use crate::company::dice::mix;

impl WikiFacts {
    /// Indices of `count` visible documents in a status, spread over the list.
    fn spread(&mut self, count: usize, status: &str) -> Vec<usize> {
        self.edits += 1;
        let fits = |index: &usize| self.is_visible(&self.documents[*index]) && self.documents[*index].status == status;
        let visible: Vec<usize> = (0..self.documents.len()).filter(fits).collect();
        let count = count.min(visible.len());
        let offset = mix(self.edits, 6) as usize % visible.len().max(1);
        (0..count).map(|n| visible[(offset + n * visible.len() / count) % visible.len()]).collect()
    }

    fn ids(&self, picked: &[usize]) -> Vec<String> {
        picked.iter().map(|index| self.documents[*index].id.to_string()).collect()
    }

    /// A new version of `count` pages or blog posts at `at`, with another title and another paragraph. Returns the external ids.
    pub fn edit_pages(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let at = at.trunc_subsecs(3);
        let picked = self.spread(count, "current");
        let author = self.directory.writers[0];
        for index in &picked {
            let edits = self.edits;
            let one = &mut self.documents[*index];
            one.title = format!("{} (edited {edits})", one.title.split(" (edited").next().unwrap_or_default());
            one.body.push(Block::Text(format!("Added later, in edit {edits}.")));
            let number = one.last().number + 1;
            one.versions.push(Version { number, author: Some(author), at, minor: false, message: "Added a paragraph" });
        }
        self.ids(&picked)
    }

    /// Writes `count` new pages at `at`. Returns the external ids.
    pub fn add_pages(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let at = at.trunc_subsecs(3);
        let author = self.directory.writers[0];
        let Some(space) = self.spaces.iter().position(|one| !one.hidden && one.status == "current") else { return Vec::new() };
        let mut ids = Vec::new();
        for n in 0..count {
            let id = self.documents.iter().map(|one| one.id).max().unwrap_or_default() + 17;
            ids.push(id.to_string());
            self.documents.push(Document {
                id,
                space,
                is_blog: false,
                title: format!("Written later {id} {n}"),
                status: "current",
                parent: None,
                author: Some(author),
                owner: Some(author),
                labels: Vec::new(),
                versions: vec![Version { number: 1, author: Some(author), at, minor: false, message: "" }],
                body: vec![Block::Text("Fresh.".to_owned())],
            });
        }
        ids
    }

    /// Comments on `count` pages at `at`. Returns the comments' external ids. No version and no time of the page changes.
    pub fn add_comments(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let picked = self.spread(count, "current");
        let mut ids = Vec::new();
        for index in picked {
            let id = self.comments.iter().map(|one| one.id).max().unwrap_or(200_000) + 13;
            let (document, author) = (self.documents[index].id, self.directory.writers[0]);
            self.comments.push(Comment { id, document, author, inline: false, parent: None, created_at: at.trunc_subsecs(3) });
            ids.push(id.to_string());
        }
        ids
    }

    /// Moves `count` pages to the trash: no new version, in no search. Returns the external ids.
    pub fn trash_pages(&mut self, count: usize) -> Vec<String> {
        self.turn(count, "current", "trashed")
    }

    /// Archives `count` pages: neither deleted nor found by searches. Returns the external ids.
    pub fn archive_pages(&mut self, count: usize) -> Vec<String> {
        self.turn(count, "current", "archived")
    }

    /// Takes `count` pages out of the trash. Returns the external ids.
    pub fn restore_pages(&mut self, count: usize) -> Vec<String> {
        self.turn(count, "trashed", "current")
    }

    fn turn(&mut self, count: usize, from: &str, to: &'static str) -> Vec<String> {
        let picked = self.spread(count, from);
        for index in &picked {
            self.documents[*index].status = to;
        }
        self.ids(&picked)
    }

    /// Purges up to `count` pages from the trash: 404 from now on. Returns the external ids they had.
    pub fn purge_pages(&mut self, count: usize) -> Vec<String> {
        let picked = self.spread(count, "trashed");
        let ids = self.ids(&picked);
        self.documents.retain(|one| !ids.contains(&one.id.to_string()));
        self.comments.retain(|one| !ids.contains(&one.document.to_string()));
        ids
    }

    /// The token loses sight of a space. Answers whether there is one.
    pub fn hide_space(&mut self, key: &str) -> bool {
        self.set_hidden(key, true)
    }

    pub fn show_space(&mut self, key: &str) -> bool {
        self.set_hidden(key, false)
    }

    fn set_hidden(&mut self, key: &str, hidden: bool) -> bool {
        self.spaces.iter_mut().find(|one| one.key == key).map(|one| one.hidden = hidden).is_some()
    }

    /// Every cursor handed out so far is refused from now on.
    pub fn expire_cursors(&mut self) {
        self.token_epoch += 1;
    }
}

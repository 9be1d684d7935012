//! The two stand-ins as their users start and steer them.

use chrono::{DateTime, Utc};

use super::jira::model::JiraFacts;
use super::jira::truth::JiraTruth;
use super::jira::world::JiraWorld;
use super::server::{Site, SiteOptions};
use super::wiki::model::WikiFacts;
use super::wiki::truth::ConfluenceTruth;
use super::wiki::world::WikiWorld;
use crate::company::Company;
use crate::server::{Faults, Stats};

/// What a Jira site has: to be changed through [`JiraServer::edit`].
pub struct Jira<'a>(&'a mut JiraFacts);

/// What a Confluence site has: to be changed through [`ConfluenceServer::edit`].
pub struct Confluence<'a>(&'a mut WikiFacts);

/// A running Jira Cloud stand-in. Stops when shut down or dropped.
pub struct JiraServer {
    site: Site<JiraWorld>,
}

/// A running Confluence Cloud stand-in. Stops when shut down or dropped.
pub struct ConfluenceServer {
    site: Site<WikiWorld>,
    base_url: String,
}

/// What both servers have alike.
macro_rules! common {
    () => {
        pub fn email(&self) -> &str {
            &self.site.options().email
        }

        pub fn api_token(&self) -> &str {
            &self.site.options().api_token
        }

        /// Taken by the gateway only.
        pub fn access_token(&self) -> &str {
            &self.site.options().access_token
        }

        /// `{"email": …, "api_token": …}`.
        pub fn credentials(&self) -> serde_json::Value {
            serde_json::json!({"email": self.email(), "api_token": self.api_token()})
        }

        pub fn stats(&self) -> Stats {
            self.site.stats()
        }

        pub fn reset_stats(&self) {
            self.site.reset_stats();
        }

        /// Replaces all fault rules; their counts start again.
        pub fn set_faults(&self, faults: Faults) {
            self.site.set_faults(faults);
        }

        /// Stops listening and closes every connection.
        pub async fn shutdown(self) {
            self.site.shutdown().await;
        }
    };
}

impl JiraServer {
    /// Listens and answers on the current tokio runtime, which must exist. Fails if the address cannot be bound.
    pub fn start(company: &Company, options: SiteOptions) -> anyhow::Result<Self> {
        Ok(Self { site: Site::start((*company.sites.jira).clone(), options)? })
    }

    common!();

    /// The site: what to give as a connection's base URL.
    pub fn base_url(&self) -> &str {
        &self.site.origin
    }

    /// The same through the gateway, where access tokens are taken: `…/ex/jira/{cloud id}`.
    pub fn gateway_url(&self) -> String {
        format!("{}/ex/jira/{}", self.site.origin, self.site.options().cloud_id)
    }

    /// Keys of all live projects.
    pub fn project_keys(&self) -> Vec<String> {
        self.site.with_facts(|facts| facts.projects.iter().filter(|one| one.is_live()).map(|one| one.key.clone()).collect())
    }

    /// The truth as it is now, edits included.
    pub fn truth(&self) -> JiraTruth {
        self.site.with_facts(JiraFacts::truth)
    }

    /// Changes the site and serves the changed rows from then on, as in `server.edit(|jira| jira.delete_issues(3))`.
    pub fn edit<T>(&self, change: impl FnOnce(&mut Jira<'_>) -> T) -> T {
        self.site.edit(|facts| change(&mut Jira(facts)))
    }
}

impl Jira<'_> {
    /// Retitles `count` issues and moves each on to the next status; `updated` becomes `at`. Returns the external ids.
    pub fn edit_issues(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        self.0.edit_issues(count, at)
    }

    /// Labels `count` issues at the very same instant. Returns the external ids.
    pub fn bulk_label(&mut self, count: usize, at: DateTime<Utc>, label: &str) -> Vec<String> {
        self.0.bulk_label(count, at, label)
    }

    /// Files `count` new issues at `at`. Returns the external ids.
    pub fn add_issues(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        self.0.add_issues(count, at)
    }

    /// Adds a release of `count` issues with `entries` changelog entries each to the first project. Returns the external ids.
    pub fn add_release(&mut self, count: usize, entries: usize, at: DateTime<Utc>) -> Vec<String> {
        self.0.add_release(count, entries, at)
    }

    /// Moves `count` issues to other projects at `at`: same ids, new keys. Returns the external ids.
    pub fn move_issues(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        self.0.move_issues(count, at)
    }

    /// Takes `count` links between issues away at `at`. Returns the links' external ids.
    pub fn remove_links(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        self.0.remove_links(count, at)
    }

    /// Deletes `count` issues without a trace. Returns the external ids they had; subtasks go with them.
    pub fn delete_issues(&mut self, count: usize) -> Vec<String> {
        self.0.delete_issues(count)
    }

    /// Deletes one issue by its external id. Answers whether there was one.
    pub fn delete_issue(&mut self, id: &str) -> bool {
        self.0.delete_issue(id)
    }

    /// Logs work on `count` issues at `at`. Returns the worklogs' external ids.
    pub fn add_worklogs(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        self.0.add_worklogs(count, at)
    }

    /// Deletes up to `count` worklogs at `at`. Returns their external ids.
    pub fn delete_worklogs(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        self.0.delete_worklogs(count, at)
    }

    /// Gives a project another key; the old one still leads to it. Answers whether there is such a project.
    pub fn rename_project(&mut self, key: &str, to: &str) -> bool {
        self.0.rename_project(key, to)
    }

    /// The token loses sight of a project. Answers whether there is one.
    pub fn hide_project(&mut self, key: &str) -> bool {
        self.0.hide_project(key)
    }

    /// The token sees a project again, whatever happened to it.
    pub fn show_project(&mut self, key: &str) -> bool {
        self.0.show_project(key)
    }

    pub fn archive_project(&mut self, key: &str) -> bool {
        self.0.archive_project(key)
    }

    /// Moves a project to the trash.
    pub fn delete_project(&mut self, key: &str) -> bool {
        self.0.delete_project(key)
    }

    /// Every page token handed out so far is refused from now on.
    pub fn expire_page_tokens(&mut self) {
        self.0.expire_page_tokens();
    }
}

impl ConfluenceServer {
    /// Listens and answers on the current tokio runtime, which must exist. Fails if the address cannot be bound.
    pub fn start(company: &Company, options: SiteOptions) -> anyhow::Result<Self> {
        let site: Site<WikiWorld> = Site::start((*company.sites.wiki).clone(), options)?;
        let base_url = format!("{}/wiki", site.origin);
        Ok(Self { site, base_url })
    }

    common!();

    /// `http://127.0.0.1:4321/wiki`: what to give as a connection's base URL.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The same through the gateway: `…/ex/confluence/{cloud id}/wiki`.
    pub fn gateway_url(&self) -> String {
        format!("{}/ex/confluence/{}/wiki", self.site.origin, self.site.options().cloud_id)
    }

    /// Keys of all spaces the token sees.
    pub fn space_keys(&self) -> Vec<String> {
        self.site.with_facts(|facts| facts.spaces.iter().filter(|one| !one.hidden).map(|one| one.key.clone()).collect())
    }

    /// The truth as it is now, edits included.
    pub fn truth(&self) -> ConfluenceTruth {
        self.site.with_facts(WikiFacts::truth)
    }

    /// Changes the site and serves the changed rows from then on.
    pub fn edit<T>(&self, change: impl FnOnce(&mut Confluence<'_>) -> T) -> T {
        self.site.edit(|facts| change(&mut Confluence(facts)))
    }
}

impl Confluence<'_> {
    /// A new version of `count` pages or blog posts at `at`. Returns the external ids.
    pub fn edit_pages(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        self.0.edit_pages(count, at)
    }

    /// Writes `count` new pages at `at`. Returns the external ids.
    pub fn add_pages(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        self.0.add_pages(count, at)
    }

    /// Comments on `count` pages at `at`; the pages' own times stay. Returns the comments' external ids.
    pub fn add_comments(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        self.0.add_comments(count, at)
    }

    /// Moves `count` pages to the trash. Returns the external ids.
    pub fn trash_pages(&mut self, count: usize) -> Vec<String> {
        self.0.trash_pages(count)
    }

    /// Archives `count` pages. Returns the external ids.
    pub fn archive_pages(&mut self, count: usize) -> Vec<String> {
        self.0.archive_pages(count)
    }

    /// Takes `count` pages out of the trash. Returns the external ids.
    pub fn restore_pages(&mut self, count: usize) -> Vec<String> {
        self.0.restore_pages(count)
    }

    /// Purges up to `count` pages from the trash. Returns the external ids they had.
    pub fn purge_pages(&mut self, count: usize) -> Vec<String> {
        self.0.purge_pages(count)
    }

    /// The token loses sight of a space. Answers whether there is one.
    pub fn hide_space(&mut self, key: &str) -> bool {
        self.0.hide_space(key)
    }

    pub fn show_space(&mut self, key: &str) -> bool {
        self.0.show_space(key)
    }

    /// Every cursor handed out so far is refused from now on.
    pub fn expire_cursors(&mut self) {
        self.0.expire_cursors();
    }
}

impl Company {
    /// What a complete sync of the company's Jira has to find, before any edit.
    pub fn jira_truth(&self) -> JiraTruth {
        self.sites.jira.truth()
    }

    /// The same of its Confluence.
    pub fn confluence_truth(&self) -> ConfluenceTruth {
        self.sites.wiki.truth()
    }
}

//! A small company to write tests with. Merge requests, pipelines and deployments are of one project; a second project is empty.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use ovia_domain::{ConnectionId, MetricKey, StatusCategory, WorkItemKind, quality::StreamFact};
use uuid::Uuid;

use crate::{
    DeploymentFact, DeploymentStatus, EnvironmentTier, Facts, IdentityKey, ItemRef, ItemTable, KpiSettings, MergeRequestFact,
    MergeRequestState, PipelineFact, PipelineStatus, ProjectKey, ReleaseFact, ReleaseItemFact, ReviewEventFact, ReviewEventKind, Scope,
    Sha, Snapshot, WindowKind, WorkItemFact, WorkItemTransition, compute_all,
};

const CONNECTION: ConnectionId = ConnectionId(Uuid::from_u128(1));

pub(crate) fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A stream of the GitLab connection `acme` without a schedule, last read to its end at `last`.
pub(crate) fn stream(name: &str, last: Option<&str>) -> StreamFact {
    StreamFact {
        connection: CONNECTION,
        connection_name: "acme".into(),
        source: "gitlab".into(),
        stream: Some(name.into()),
        last_success_at: last.map(utc),
        created_at: utc("2026-01-01T00:00:00Z"),
        interval_seconds: None,
        cron: None,
        time_zone: None,
    }
}

/// A merge request to be; open and by a human unless said otherwise.
pub(crate) struct Mr {
    created_at: DateTime<Utc>,
    updated_at: Option<DateTime<Utc>>,
    merged_at: Option<DateTime<Utc>>,
    closed_at: Option<DateTime<Utc>>,
    state: MergeRequestState,
    draft: bool,
    author: Option<&'static str>,
    bot: bool,
}

impl Mr {
    pub(crate) fn at(created_at: &str) -> Self {
        Self {
            created_at: utc(created_at),
            updated_at: None,
            merged_at: None,
            closed_at: None,
            state: MergeRequestState::Open,
            draft: false,
            author: Some("author"),
            bot: false,
        }
    }

    pub(crate) fn merged(self, at: &str) -> Self {
        Self { merged_at: Some(utc(at)), state: MergeRequestState::Merged, ..self }
    }

    pub(crate) fn closed(self, at: &str) -> Self {
        Self { closed_at: Some(utc(at)), state: MergeRequestState::Closed, ..self }
    }

    pub(crate) fn updated(self, at: &str) -> Self {
        Self { updated_at: Some(utc(at)), ..self }
    }

    pub(crate) fn state(self, state: &str) -> Self {
        Self { state: MergeRequestState::parse(state), ..self }
    }

    pub(crate) fn draft(self) -> Self {
        Self { draft: true, ..self }
    }

    pub(crate) fn by_bot(self) -> Self {
        Self { author: Some("bot"), bot: true, ..self }
    }

    pub(crate) fn by_nobody(self) -> Self {
        Self { author: None, ..self }
    }
}

pub(crate) struct Company {
    facts: Facts,
    project: ProjectKey,
    empty: ProjectKey,
    asked: ProjectKey,
}

impl Company {
    pub(crate) fn new() -> Self {
        let mut facts = Facts::default();
        let (project, empty) = (facts.project(CONNECTION, "1"), facts.project(CONNECTION, "2"));
        Self { facts, project, empty, asked: project }
    }

    /// Asks about the empty project from now on.
    pub(crate) fn elsewhere(mut self) -> Self {
        self.asked = self.empty;
        self
    }

    pub(crate) fn merge_request(&mut self, mr: Mr) -> i64 {
        let id = self.facts.merge_requests.len() as i64 + 100;
        let author = mr.author.map(|name| self.facts.identity(CONNECTION, name));
        self.facts.merge_requests.push(MergeRequestFact {
            id,
            project: self.project,
            author,
            author_is_bot: mr.bot,
            state: mr.state,
            draft: mr.draft,
            created_at: mr.created_at,
            updated_at: mr.updated_at,
            merged_at: mr.merged_at,
            closed_at: mr.closed_at,
            is_fork: false,
            is_hotfix: false,
            first_commit_at: None,
            head_sha: None,
            merge_sha: None,
            squash_sha: None,
            additions: None,
            deletions: None,
        });
        id
    }

    pub(crate) fn event(&mut self, merge_request_id: i64, kind: ReviewEventKind, by: &str, at: &str) {
        let by = Some(self.facts.identity(CONNECTION, by));
        self.facts.review_events.push(ReviewEventFact { merge_request_id, kind, by, by_is_bot: false, at: utc(at) });
    }

    pub(crate) fn bot_event(&mut self, merge_request_id: i64, kind: ReviewEventKind, at: &str) {
        let by = Some(self.facts.identity(CONNECTION, "bot"));
        self.facts.review_events.push(ReviewEventFact { merge_request_id, kind, by, by_is_bot: true, at: utc(at) });
    }

    pub(crate) fn nobodys_event(&mut self, merge_request_id: i64, kind: ReviewEventKind, at: &str) {
        self.facts.review_events.push(ReviewEventFact { merge_request_id, kind, by: None, by_is_bot: false, at: utc(at) });
    }

    pub(crate) fn pipeline(&mut self, status: &str, finished_at: Option<&str>, updated_at: Option<&str>) {
        let id = self.facts.pipelines.len() as i64 + 1;
        let (finished_at, updated_at) = (finished_at.map(utc), updated_at.map(utc));
        self.facts.pipelines.push(PipelineFact {
            id,
            project: self.project,
            status: PipelineStatus::parse(status),
            updated_at,
            finished_at,
            started_by: None,
            started_at: None,
            duration_seconds: None,
        });
    }

    pub(crate) fn deployment(&mut self, status: &str, environment: Option<&str>, own: Option<&str>, at: &str) -> i64 {
        let id = self.facts.deployments.len() as i64 + 1;
        self.facts.deployments.push(DeploymentFact {
            id,
            project: self.project,
            status: DeploymentStatus::parse(status),
            environment_tier: environment.map(EnvironmentTier::parse),
            deployment_tier: own.map(EnvironmentTier::parse),
            created_at: utc(at),
            updated_at: None,
            finished_at: None,
            deployed_by: None,
            deployed_by_bot: false,
            sha: None,
        });
        id
    }

    pub(crate) fn facts(&mut self) -> &mut Facts {
        &mut self.facts
    }

    pub(crate) fn account(&mut self, name: &str) -> IdentityKey {
        self.facts.identity(CONNECTION, name)
    }

    pub(crate) fn project(&self) -> ProjectKey {
        self.project
    }

    /// A merge request as it is stored, to be changed.
    pub(crate) fn change(&mut self, id: i64, change: impl Fn(&mut MergeRequestFact)) {
        self.facts.merge_requests.iter_mut().filter(|row| row.id == id).take(1).for_each(change);
    }

    /// A successful production deployment of a commit.
    pub(crate) fn delivery(&mut self, sha: Option<&str>, at: &str) -> i64 {
        let id = self.deployment("success", Some("production"), None, at);
        self.facts.deployments.iter_mut().filter(|row| row.id == id).for_each(|row| row.sha = sha.and_then(Sha::parse));
        id
    }

    /// A work item with its steps: when, to which category. It is created to do.
    pub(crate) fn item(&mut self, kind: WorkItemKind, created_at: &str, steps: &[(&str, StatusCategory)]) -> i64 {
        let id = self.facts.work_items.len() as i64 + 500;
        let mut from = Some(StatusCategory::Todo);
        for (at, to) in steps {
            self.facts.work_item_transitions.push(WorkItemTransition { work_item_id: id, at: utc(at), from, to: Some(*to) });
            from = Some(*to);
        }
        self.facts.work_items.push(WorkItemFact {
            item: ItemRef { table: ItemTable::WorkItems, id },
            project: self.project,
            kind,
            category: from,
            assignee: None,
            assignee_is_bot: false,
            created_at: utc(created_at),
            resolved_at: None,
            story_points: None,
            is_incident: false,
        });
        id
    }

    /// A code host's issue that is an incident.
    pub(crate) fn incident(&mut self, created_at: &str, resolved_at: Option<&str>) -> ItemRef {
        let item = ItemRef { table: ItemTable::Issues, id: self.facts.work_items.len() as i64 + 900 };
        self.facts.work_items.push(WorkItemFact {
            item,
            project: self.project,
            kind: WorkItemKind::Task,
            category: None,
            assignee: None,
            assignee_is_bot: false,
            created_at: utc(created_at),
            resolved_at: resolved_at.map(utc),
            story_points: None,
            is_incident: true,
        });
        item
    }

    /// A release with the items that were in it: item, since when, until when.
    pub(crate) fn release(
        &mut self,
        start: Option<&str>,
        end: Option<&str>,
        released: bool,
        items: &[(i64, Option<&str>, Option<&str>)],
    ) -> i64 {
        let id = self.facts.releases.len() as i64 + 700;
        let day = |text: &str| text.parse::<NaiveDate>().unwrap_or_else(|error| panic!("{text}: {error}"));
        let (start_on, release_on) = (start.map(day), end.map(day));
        self.facts.releases.push(ReleaseFact { id, project: self.project, released, start_on, release_on });
        self.facts.release_items.extend(items.iter().map(|(work_item_id, added, removed)| ReleaseItemFact {
            release_id: id,
            work_item_id: *work_item_id,
            added_at: added.map(utc),
            removed_at: removed.map(utc),
        }));
        id
    }

    /// The project's snapshot for the week from `monday`. The organisation's must be the same: the other project is empty.
    pub(crate) fn week(&self, metric: MetricKey, monday: &str, as_of: &str) -> Snapshot {
        let start = monday.parse::<NaiveDate>().unwrap_or_else(|error| panic!("{monday}: {error}")).and_time(NaiveTime::MIN).and_utc();
        let scope = self.facts.project_ids().nth(self.asked.0 as usize).map(|id| Scope::Project(id.to_owned()));
        let snapshots: Vec<Snapshot> = compute_all(&self.facts, &KpiSettings::default(), utc(as_of))
            .into_iter()
            .filter(|snapshot| snapshot.metric == metric && snapshot.window.kind == WindowKind::Week && snapshot.window.start == start)
            .collect();
        let of = |scope: Option<&Scope>| {
            snapshots.iter().find(|snapshot| Some(&snapshot.scope) == scope).unwrap_or_else(|| panic!("no week {monday}"))
        };
        let project = of(scope.as_ref());
        if self.asked == self.project {
            assert_eq!(Snapshot { scope: Scope::Organisation, ..project.clone() }, *of(Some(&Scope::Organisation)));
        }
        project.clone()
    }
}

//! Projects with their types and statuses, the site's fields, versions, boards and sprints.

use chrono::{Days, Duration, NaiveDate, SubsecRound};

use super::model::{Board, Category, Field, IssueType, JiraProject, Kind, Sprint, Status, Version, Visibility};
use crate::company::Span;
use crate::company::dice::Dice;
use crate::company::model::Time;

const FIRST_PROJECT_ID: u64 = 10_210;

/// (key, former key, name, weight, marks). Marks: `t` team-managed, `b` business, `k` kanban, `d` German, `z` Chinese, `f` French,
/// `a` archived, `x` in the trash. The first twelve work on the GitLab projects of the same index.
const PROJECTS: [(&str, &str, &str, u32, &str); 15] = [
    ("WEB", "SHOP", "Web Shop", 26, ""),
    ("GATE", "", "API Gateway", 12, ""),
    ("CHK", "", "Kasse & Zahlung", 10, "d"),
    ("MOB", "", "移动应用", 9, "tz"),
    ("OPS", "", "Operations", 8, "k"),
    ("DS", "", "Design System", 6, "t"),
    ("ING", "", "Ingest", 8, ""),
    ("IDS", "ID", "Identity Service", 6, ""),
    ("TF", "", "Terraform", 5, "k"),
    ("WH", "", "Entrepôt", 5, "tf"),
    ("HB", "", "Handbook", 3, "b"),
    ("LEG", "", "Legacy Portal", 3, ""),
    ("DATA2", "", "Data Science 2", 4, ""),
    ("SEC", "", "Security", 3, "t"),
    ("DSN", "", "Design System \"Next\"", 2, "t"),
];
/// Not live: archived, and in the trash.
const GONE: [(&str, &str, &str, u32, &str); 2] = [("OLD", "", "Old intranet", 0, "a"), ("TMP", "", "Trial", 0, "x")];

type Names<const N: usize> = [&'static str; N];
const TYPES: [(char, Names<5>); 4] = [
    (' ', ["Epic", "Story", "Bug", "Task", "Sub-task"]),
    ('d', ["Epic", "Story", "Fehler", "Aufgabe", "Unteraufgabe"]),
    ('z', ["长篇故事", "故事", "缺陷", "任务", "子任务"]),
    ('f', ["Epic", "Story", "Bogue", "Tâche", "Sous-tâche"]),
];
const STATUSES: [(char, Names<4>); 4] = [
    (' ', ["To Do", "In Progress", "In Review", "Done"]),
    ('d', ["Zu erledigen", "In Arbeit", "In Prüfung", "Fertig"]),
    ('z', ["待办", "进行中", "审核中", "已完成"]),
    ('f', ["À faire", "En cours", "En revue", "Terminé"]),
];
const KINDS: [Kind; 5] = [Kind::Epic, Kind::Story, Kind::Bug, Kind::Task, Kind::Subtask];
const CATEGORIES: [Category; 4] = [Category::Todo, Category::InProgress, Category::InProgress, Category::Done];

pub(super) struct Setup {
    pub projects: Vec<JiraProject>,
    pub statuses: Vec<Status>,
    pub types: Vec<IssueType>,
    pub fields: Vec<Field>,
    pub versions: Vec<Version>,
    pub boards: Vec<Board>,
    pub sprints: Vec<Sprint>,
}

/// `count` live projects and the two that are gone.
pub(super) fn generate(dice: &mut Dice, seed: u64, count: usize, span: Span, writers: &[usize]) -> Setup {
    let mut setup = Setup {
        projects: Vec::new(),
        statuses: Vec::new(),
        types: Vec::new(),
        fields: fields(seed),
        versions: Vec::new(),
        boards: Vec::new(),
        sprints: Vec::new(),
    };
    let live = PROJECTS.iter().take(count.clamp(1, PROJECTS.len()));
    for (index, (key, former, name, weight, marks)) in live.chain(&GONE).enumerate() {
        let team_managed = marks.contains('t');
        let language = ['d', 'z', 'f'].into_iter().find(|mark| marks.contains(*mark)).unwrap_or(' ');
        let owner = team_managed.then_some(index);
        let types = setup.types_of(language, owner);
        let statuses = setup.statuses_of(language, owner);
        setup.projects.push(JiraProject {
            id: FIRST_PROJECT_ID + 7 * index as u64,
            key: (*key).to_owned(),
            former_keys: if former.is_empty() { Vec::new() } else { vec![(*former).to_owned()] },
            name,
            team_managed,
            project_type: if marks.contains('b') { "business" } else { "software" },
            visibility: match () {
                () if marks.contains('a') => Visibility::Archived,
                () if marks.contains('x') => Visibility::Deleted,
                () => Visibility::Live,
            },
            lead: dice.pick(writers),
            types,
            statuses,
            components: if index % 3 == 0 { vec!["backend", "frontend", "größe: M"] } else { vec!["core"] },
            weight: *weight,
            counter: 0,
        });
        setup.versions(index, span, *key == "HB");
        if *weight > 0 && !marks.contains('b') {
            setup.boards(index, span, marks);
        }
    }
    setup
}

impl Setup {
    fn types_of(&mut self, language: char, project: Option<usize>) -> [usize; 5] {
        let names = TYPES.iter().find(|one| one.0 == language).map_or(TYPES[0].1, |one| one.1);
        let known = |kind: usize, all: &[IssueType]| all.iter().position(|one| one.project.is_none() && one.name == names[kind]);
        std::array::from_fn(|n| {
            if let Some(index) = known(n, &self.types).filter(|_| project.is_none()) {
                return index;
            }
            self.types.push(IssueType { id: 10_001 + 4 * self.types.len() as u64, name: names[n], kind: KINDS[n], project });
            self.types.len() - 1
        })
    }

    fn statuses_of(&mut self, language: char, project: Option<usize>) -> [usize; 4] {
        let names = STATUSES.iter().find(|one| one.0 == language).map_or(STATUSES[0].1, |one| one.1);
        std::array::from_fn(|n| {
            let known = self.statuses.iter().position(|one| one.project.is_none() && one.name == names[n]);
            if let Some(index) = known.filter(|_| project.is_none()) {
                return index;
            }
            // The site's "In Progress" has had the same id since the first Jira.
            let id = if self.statuses.len() == 1 { 3 } else { 10_000 + 2 * self.statuses.len() as u64 };
            self.statuses.push(Status { id, name: names[n], category: CATEGORIES[n], project });
            self.statuses.len() - 1
        })
    }

    /// One every 40 days; the last ones are still to come, one is archived, one has no dates. Every project calls them alike.
    fn versions(&mut self, project: usize, span: Span, undated: bool) {
        for n in 0..11u64 {
            let day = (span.start + Duration::days(20 + 40 * n as i64)).date_naive();
            let released = day < span.end.date_naive();
            let no_dates = undated || (project == 0 && n == 10);
            let dated = |date: Option<NaiveDate>| date.filter(|_| !no_dates);
            self.versions.push(Version {
                id: 30_000 + 3 * self.versions.len() as u64,
                project,
                name: format!("{}.{}.0", 1 + n / 6, n % 6),
                description: (n % 3 == 0).then(|| format!("Everything up to {day} – \"stable\"")),
                released,
                archived: n == 0,
                start_on: dated(day.checked_sub_days(Days::new(39))),
                release_on: dated(Some(day)),
            });
        }
    }

    fn boards(&mut self, project: usize, span: Span, marks: &str) {
        let key = self.projects[project].key.clone();
        let kind = match () {
            () if marks.contains('k') => "kanban",
            () if marks.contains('t') => "simple",
            () => "scrum",
        };
        let board = self.boards.len();
        self.boards.push(Board { id: 50 + 3 * board as u64, name: format!("{key} board"), kind, project });
        if project == 0 {
            self.boards.push(Board { id: 50 + 3 * self.boards.len() as u64, name: "Überblick".to_owned(), kind: "kanban", project });
        }
        if kind == "kanban" {
            return;
        }
        // Three weeks each, the last two still to come.
        for n in 0..18i64 {
            let start = (span.end - Duration::days(16 * 21 - 9 - 21 * n)).trunc_subsecs(0);
            let end = start + Duration::days(21) - Duration::hours(2);
            let state = match () {
                () if end <= span.end => "closed",
                () if start <= span.end => "active",
                () => "future",
            };
            // Nobody has planned the last one yet.
            let planned = |time: Time| (n < 17).then_some(time);
            self.sprints.push(Sprint {
                id: 700 + 2 * self.sprints.len() as u64,
                board,
                name: format!("{key} Sprint {}", n + 1),
                state,
                goal: (n % 4 == 1).then_some("Weniger Wartezeit & mehr \"Ruhe\""),
                starts_at: planned(start),
                ends_at: planned(end),
                completed_at: (state == "closed").then(|| end + Duration::minutes(37)),
            });
        }
    }
}

/// Ids of custom fields differ from site to site; two of the number fields are not about points.
fn fields(seed: u64) -> Vec<Field> {
    // Not where most sites have theirs.
    let base = 10_100 + seed % 400;
    let custom =
        |n: u64, name, custom, schema, items| Field { id: format!("customfield_{}", base + n), name, custom: Some(custom), schema, items };
    let system = |id: &str, name, schema, items| Field { id: id.to_owned(), name, custom: None, schema, items };
    vec![
        system("summary", "Summary", "string", None),
        system("status", "Status", "status", None),
        system("issuetype", "Issue Type", "issuetype", None),
        system("project", "Project", "project", None),
        system("priority", "Priority", "priority", None),
        system("resolution", "Resolution", "resolution", None),
        system("resolutiondate", "Resolved", "datetime", None),
        system("assignee", "Assignee", "user", None),
        system("reporter", "Reporter", "user", None),
        system("creator", "Creator", "user", None),
        system("labels", "Labels", "array", Some("string")),
        system("components", "Components", "array", Some("component")),
        system("fixVersions", "Fix versions", "array", Some("version")),
        system("issuelinks", "Linked Issues", "array", Some("issuelinks")),
        system("worklog", "Log Work", "array", Some("worklog")),
        system("parent", "Parent", "issuelink", None),
        system("created", "Created", "datetime", None),
        system("updated", "Updated", "datetime", None),
        system("duedate", "Due date", "date", None),
        system("description", "Description", "string", None),
        custom(3, "Rank", "com.pyxis.greenhopper.jira:gh-lexo-rank", "any", None),
        custom(7, "Confidence", "com.atlassian.jira.plugin.system.customfieldtypes:float", "number", None),
        custom(11, "Sprint", "com.pyxis.greenhopper.jira:gh-sprint", "array", Some("json")),
        custom(13, "Epic Link", "com.pyxis.greenhopper.jira:gh-epic-link", "any", None),
        custom(16, "Story point estimate", "com.pyxis.greenhopper.jira:jsw-story-points", "number", None),
        custom(22, "Story Points", "com.atlassian.jira.plugin.system.customfieldtypes:float", "number", None),
    ]
}

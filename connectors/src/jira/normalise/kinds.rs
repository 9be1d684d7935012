//! What an issue type is, whatever a site calls it.

use ovia_domain::{JiraSettings, WorkItemKind};

use crate::jira::wire::IssueType;

/// Names as Jira translates them, and those that sites commonly choose.
const NAMES: [(WorkItemKind, &[&str]); 5] = [
    (
        WorkItemKind::Epic,
        &["epic", "epos", "épopée", "epopée", "épica", "epica", "épico", "エピック", "长篇故事", "長篇故事", "史诗", "史詩"],
    ),
    (
        WorkItemKind::Story,
        &[
            "story",
            "user story",
            "anwendergeschichte",
            "benutzergeschichte",
            "user-story",
            "histoire",
            "récit",
            "récit utilisateur",
            "historia",
            "historia de usuario",
            "ストーリー",
            "ユーザー ストーリー",
            "ユーザーストーリー",
            "故事",
            "用户故事",
            "使用者故事",
            "需求",
        ],
    ),
    (
        WorkItemKind::Bug,
        &[
            "bug",
            "defect",
            "incident",
            "fehler",
            "programmfehler",
            "störung",
            "bogue",
            "anomalie",
            "défaut",
            "error",
            "errores",
            "incidencia",
            "defecto",
            "バグ",
            "不具合",
            "障害",
            "缺陷",
            "故障",
            "错误",
            "錯誤",
            "漏洞",
        ],
    ),
    (WorkItemKind::Task, &["task", "aufgabe", "tâche", "tarea", "タスク", "任务", "任務"]),
    (
        WorkItemKind::Subtask,
        &["sub-task", "subtask", "unteraufgabe", "teilaufgabe", "sous-tâche", "subtarea", "サブタスク", "子任务", "子任務", "子タスク"],
    ),
];

/// As the settings say; else by the place in the hierarchy, where that decides; else by name; else a task.
pub fn kind(settings: &JiraSettings, of: &IssueType) -> WorkItemKind {
    if let Some(mapped) = settings.mapped_type(of.id.as_ref().map(|id| id.0.as_str()), &of.name) {
        return mapped;
    }
    match of.level {
        _ if of.subtask => return WorkItemKind::Subtask,
        Some(..=-1) => return WorkItemKind::Subtask,
        Some(1..) => return WorkItemKind::Epic,
        _ => {}
    }
    let name = of.name.trim().to_lowercase();
    NAMES.iter().find(|(_, names)| names.contains(&name.as_str())).map_or(WorkItemKind::Task, |(kind, _)| *kind)
}

//! Boards and sprints.

use ovia_domain::{Board, Entity, Sprint};

use super::{Context, Normalised, RowError};
use crate::jira::wire;
use crate::lenient::parse_row;

pub fn board(_: &Context<'_>, json: &str) -> Result<Normalised, RowError> {
    let board: wire::Board = parse_row(json)?;
    let external_id = board.id.0;
    let entity = Board {
        external_id: external_id.clone(),
        name: board.name,
        board_kind: board.kind.unwrap_or_else(|| "unknown".into()),
        project_external_id: board.location.and_then(|location| location.project_id).map(|id| id.0),
        url: None,
    };
    Ok(Normalised { external_id, entities: vec![Entity::Board(entity)], ..Normalised::default() })
}

/// Other boards show a sprint too: its own board is the one it was made on, whichever list it is read from.
pub fn sprint(context: &Context<'_>, json: &str) -> Result<Normalised, RowError> {
    let sprint: wire::Sprint = parse_row(json)?;
    let external_id = sprint.id.0;
    let here = Some(context.partition).filter(|board| !board.is_empty()).map(str::to_owned);
    let entity = Sprint {
        external_id: external_id.clone(),
        board_external_id: sprint.origin_board_id.map(|id| id.0).or(here),
        name: sprint.name,
        state: sprint.state.unwrap_or_else(|| "unknown".into()),
        goal: sprint.goal,
        starts_at: sprint.start_date,
        ends_at: sprint.end_date,
        completed_at: sprint.complete_date,
    };
    Ok(Normalised { external_id, entities: vec![Entity::Sprint(entity)], ..Normalised::default() })
}

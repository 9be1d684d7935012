//! A list of rendered rows that is cut into pages by time and order.
//!
//! Rows are kept in id order with an index by `updated_at`, so that the window a sync asks for is a binary search and a page is a
//! concatenation of slices. Rarer filters scan.

use bytes::Bytes;

use super::keyset::{self, Position, Style};
use super::query::{choice, time};
use super::{Answer, Call, PageQuery, Paging};
use crate::wire::array;

/// The `updated` of a row without a time: sorted last, as Postgres sorts nulls, and in no window.
pub(crate) const UNTIMED: i64 = i64::MAX;

pub(crate) struct Row {
    pub id: u64,
    pub iid: u64,
    /// Milliseconds.
    pub created: i64,
    /// Milliseconds; `UNTIMED` without one.
    pub updated: i64,
    pub state: String,
    pub json: Bytes,
}

pub(crate) struct List {
    /// By id.
    rows: Vec<Row>,
    /// Indices by (updated, tie).
    by_updated: Vec<u32>,
    style: ListStyle,
}

/// What differs between GitLab's lists.
#[derive(Clone, Copy)]
pub(crate) struct ListStyle {
    /// Allowed values of `order_by`, the default first.
    pub orders: &'static [&'static str],
    /// Default of `sort` first.
    pub sorts: &'static [&'static str],
    /// Rows with one `updated_at` come newest id first, whatever the order (issues and merge requests).
    pub ties_newest_first: bool,
    /// `updated_after` and `updated_before` are refused unless ordered by `updated_at` (deployments).
    pub windows_need_order: bool,
    pub keyset: bool,
    /// The parameter that filters by state: `state` or `status`.
    pub state_param: &'static str,
}

impl List {
    pub(crate) fn new(mut rows: Vec<Row>, style: ListStyle) -> Self {
        rows.sort_by_key(|row| row.id);
        let mut by_updated: Vec<u32> = (0..rows.len() as u32).collect();
        // Stable: ties stay in the order they are put in.
        if style.ties_newest_first {
            by_updated.reverse();
        }
        by_updated.sort_by_key(|index| rows[*index as usize].updated);
        Self { rows, by_updated, style }
    }

    /// The page a call asks for.
    pub(crate) fn page(&self, call: &Call, paging: &Paging) -> Answer {
        self.page_as(call, paging, Bytes::clone)
    }

    /// The same with rows rendered in another way.
    pub(crate) fn page_as(&self, call: &Call, paging: &Paging, render: fn(&Bytes) -> Bytes) -> Answer {
        match self.select(call) {
            Err(answer) => answer,
            Ok(selected) if keyset::requested(call) => self.keyset_page(call, paging, &selected),
            Ok(selected) => paging.offset(call, selected.indices.len(), |range| {
                let rows: Vec<Bytes> = selected.indices[range].iter().map(|index| render(&self.rows[*index as usize].json)).collect();
                array(&rows)
            }),
        }
    }

    /// One row, by what GitLab addresses it with.
    pub(crate) fn find(&self, is_it: impl Fn(&Row) -> bool) -> Answer {
        let found = self.rows.iter().find(|row| is_it(row));
        found.map_or_else(|| Answer::message(404, "404 Not found"), |row| Answer::json(row.json.clone()))
    }

    fn keyset_page(&self, call: &Call, paging: &Paging, selected: &Selected) -> Answer {
        if !self.style.keyset || call.param("order_by").is_none() || call.param("sort").is_none() {
            return Answer::error(405, "Keyset pagination is not yet available for this type of request");
        }
        let (query, after) = match PageQuery::parse(call).and_then(|query| Ok((query, keyset::position(call, Style::Cursor)?))) {
            Ok(parsed) => parsed,
            Err(answer) => return answer,
        };
        let position = |index: u32| self.position(selected.order, index);
        let start = after.map_or(0, |after| {
            let gone_by = |index: &u32| {
                let at = position(*index);
                if selected.descending { (at.key, at.id) >= (after.key, after.id) } else { (at.key, at.id) <= (after.key, after.id) }
            };
            selected.indices.iter().position(|index| !gone_by(index)).unwrap_or(selected.indices.len())
        });
        let end = (start + query.per_page).min(selected.indices.len());
        let page = &selected.indices[start..end];
        let body = array(page.iter().map(|index| &self.rows[*index as usize].json));
        paging.keyset(call, query, Style::Cursor, page.len(), page.last().map(|index| position(*index)), body)
    }

    fn position(&self, order: &str, index: u32) -> Position {
        let row = &self.rows[index as usize];
        Position { key: key(row, order), id: row.id }
    }

    fn select(&self, call: &Call) -> Result<Selected, Answer> {
        let order = choice(call, "order_by", self.style.orders)?;
        let descending = choice(call, "sort", self.style.sorts)? == "desc";
        let after = time(call, "updated_after")?;
        let before = time(call, "updated_before")?;
        if self.style.windows_need_order && (after.is_some() || before.is_some()) && order != "updated_at" {
            return Err(Answer::message(400, "400 Bad request - `updated_at` filter and `updated_at` sorting must be paired"));
        }
        let mut indices = self.window(after, before).to_vec();
        if let Some(after) = time(call, "created_after")? {
            indices.retain(|index| self.rows[*index as usize].created >= after);
        }
        if let Some(before) = time(call, "created_before")? {
            indices.retain(|index| self.rows[*index as usize].created <= before);
        }
        self.filter(call, &mut indices)?;
        // Keyset pages break ties by id in the direction of the order; so do all lists but issues and merge requests.
        let by_id = keyset::requested(call) || !self.style.ties_newest_first;
        if order != "updated_at" || by_id {
            indices.sort_by_key(|index| (key(&self.rows[*index as usize], order), self.rows[*index as usize].id));
            if descending {
                indices.reverse();
            }
        } else if descending {
            indices.sort_by_key(|index| std::cmp::Reverse((self.rows[*index as usize].updated, self.rows[*index as usize].id)));
        }
        Ok(Selected { indices, order, descending })
    }

    /// Rows updated in [after, before], both ends included, as GitLab does.
    fn window(&self, after: Option<i64>, before: Option<i64>) -> &[u32] {
        let updated = |index: &u32| self.rows[*index as usize].updated;
        let start = after.map_or(0, |after| self.by_updated.partition_point(|index| updated(index) < after));
        let timed = after.is_some() || before.is_some();
        let before = before.or(timed.then_some(UNTIMED - 1));
        let end = before.map_or(self.by_updated.len(), |before| self.by_updated.partition_point(|index| updated(index) <= before));
        &self.by_updated[start..end.max(start)]
    }

    fn filter(&self, call: &Call, indices: &mut Vec<u32>) -> Result<(), Answer> {
        if let Some(state) = call.param(self.style.state_param).filter(|state| *state != "all") {
            indices.retain(|index| self.rows[*index as usize].state == state);
        }
        let iids = call.params("iids");
        if !iids.is_empty() {
            let iids: Option<Vec<u64>> = iids.iter().map(|iid| iid.parse().ok()).collect();
            let iids = iids.ok_or_else(|| Answer::error(400, "iids is invalid"))?;
            indices.retain(|index| iids.contains(&self.rows[*index as usize].iid));
        }
        Ok(())
    }
}

struct Selected {
    indices: Vec<u32>,
    order: &'static str,
    descending: bool,
}

fn key(row: &Row, order: &str) -> i64 {
    match order {
        // Of a release, `updated` is when it was released.
        "updated_at" | "released_at" => row.updated,
        "created_at" => row.created,
        _ => row.id as i64,
    }
}

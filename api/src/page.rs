//! Lists on the wire: `{"items":[…],"next_cursor":…}`.

use ovia_store::{PageOf, PageToken};
use poem_openapi::{
    Object,
    payload::Json,
    types::{ParseFromJSON, ToJSON},
};

/// One page of a list. Pass `next_cursor` as `cursor`, with the same filters, to get the next one; null ends the list.
#[derive(Object)]
pub(crate) struct ListOf<T: ParseFromJSON + ToJSON> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

/// A store page as an answer.
pub(crate) fn list<R, T: ParseFromJSON + ToJSON>(page: PageOf<R>, out: impl Fn(R) -> T) -> Json<ListOf<T>> {
    Json(list_of(page, out))
}

/// A store page within an answer.
pub(crate) fn list_of<R, T: ParseFromJSON + ToJSON>(page: PageOf<R>, out: impl Fn(R) -> T) -> ListOf<T> {
    ListOf { items: page.items.into_iter().map(out).collect(), next_cursor: page.next_cursor }
}

/// Which page was asked for. The limit has been checked by its parameter's validator.
pub(crate) fn page(limit: Option<u32>, cursor: Option<String>) -> PageToken {
    PageToken::new(limit, cursor)
}

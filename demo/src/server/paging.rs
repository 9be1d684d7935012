//! Offset paging: GitLab's headers, to the letter.
//!
//! `x-next-page` is there and empty on the last page. Totals are left out above 10,000 rows.

use std::ops::Range;

use bytes::Bytes;
use url::form_urlencoded::Serializer;

use super::{Answer, Call, PageQuery};
use crate::wire::array;

const MAX_COUNTED: usize = 10_000;

/// Where `Link` headers point.
#[derive(Clone, Debug)]
pub(crate) struct Paging {
    /// Scheme and host.
    pub origin: String,
}

impl Paging {
    /// The requested page of `total` rows; `render` makes the JSON array of a range of them.
    pub(crate) fn offset(&self, call: &Call, total: usize, render: impl FnOnce(Range<usize>) -> Bytes) -> Answer {
        let PageQuery { page, per_page } = match PageQuery::parse(call) {
            Ok(query) => query,
            Err(answer) => return answer,
        };
        let start = ((page - 1) * per_page).min(total);
        let end = (start + per_page).min(total);
        let pages = total.div_ceil(per_page).max(1);
        let next = (end < total).then_some(page + 1);
        let number = |n: Option<usize>| n.map(|n| n.to_string()).unwrap_or_default();
        let prev = (page > 1).then(|| page - 1);
        let mut links: Vec<String> = Vec::new();
        let mut link =
            |rel: &str, page: usize| links.push(self.link(call, rel, &[("page", page.to_string()), ("per_page", per_page.to_string())]));
        if let Some(prev) = prev {
            link("prev", prev);
        }
        if let Some(next) = next {
            link("next", next);
        }
        link("first", 1);
        if total <= MAX_COUNTED {
            link("last", pages);
        }
        let mut answer = Answer::json(render(start..end))
            .header("link", links.join(", "))
            .header("x-next-page", number(next))
            .header("x-page", page.to_string())
            .header("x-per-page", per_page.to_string())
            .header("x-prev-page", number(prev));
        if total <= MAX_COUNTED {
            answer = answer.header("x-total", total.to_string()).header("x-total-pages", pages.to_string());
        }
        answer
    }

    /// The requested page of rows that are all rendered already.
    pub(crate) fn rows(&self, call: &Call, rows: &[Bytes]) -> Answer {
        self.offset(call, rows.len(), |range| array(&rows[range]))
    }

    /// `<url>; rel="…"` with the call's own parameters, some of them replaced, in alphabetical order.
    pub(crate) fn link(&self, call: &Call, rel: &str, replaced: &[(&str, String)]) -> String {
        let kept = call.query.iter().filter(|(key, _)| !replaced.iter().any(|(name, _)| name == key));
        let mut pairs: Vec<(&str, &str)> = kept.map(|(key, value)| (key.as_str(), value.as_str())).collect();
        pairs.extend(replaced.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| (*key, value.as_str())));
        pairs.sort_unstable();
        let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
        format!("<{}{}?{query}>; rel=\"{rel}\"", self.origin, call.path)
    }
}

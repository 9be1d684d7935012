//! A table of routes, matched segment by segment. Segments are decoded after splitting, so that `a%2Fb` stays one.

use percent_encoding::percent_decode_str;

use super::{Answer, Call, Paging};

pub(crate) type Respond<W> = fn(&W, &Call, &[String], &Paging) -> Answer;

/// A template like `/projects/:id/issues` and what answers it.
pub(crate) struct Route<W>(pub &'static str, pub Respond<W>);

pub(crate) struct Found<W> {
    pub template: &'static str,
    pub route: Respond<W>,
    /// What stands where the template has `:name`.
    pub params: Vec<String>,
}

/// The first route that matches `path` (below `/api/v4/`, without a leading slash).
pub(crate) fn find<W>(routes: &[Route<W>], path: &str) -> Option<Found<W>> {
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    routes.iter().find_map(|Route(template, route)| capture(template, &segments).map(|params| Found { template, route: *route, params }))
}

fn capture(template: &str, segments: &[&str]) -> Option<Vec<String>> {
    let mut expected = template[1..].split('/');
    let mut params = Vec::new();
    for segment in segments {
        let name = expected.next()?;
        if name.starts_with(':') {
            params.push(percent_decode_str(segment).decode_utf8_lossy().into_owned());
        } else if name != *segment {
            return None;
        }
    }
    expected.next().is_none().then_some(params)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn encoded_slashes_stay_in_their_segment() {
        assert_eq!(capture("/projects/:id/issues", &["projects", "a%2Fb", "issues"]).unwrap(), ["a/b"]);
        assert!(capture("/projects/:id/issues", &["projects", "a", "b", "issues"]).is_none());
        assert!(capture("/projects/:id", &["projects"]).is_none());
    }
}

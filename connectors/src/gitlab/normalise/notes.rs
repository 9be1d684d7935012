//! What a system note says. GitLab has no field for it: the English body is the API.

use ovia_domain::NoteEvent;

/// The event a system note reports; `None` for the many that report nothing of interest.
pub fn note_event(body: &str) -> Option<NoteEvent> {
    let body = body.trim();
    let starts = |prefix: &str| body.starts_with(prefix);
    if starts("approved this merge request") {
        return Some(NoteEvent::Approved);
    }
    if starts("unapproved this merge request") {
        return Some(NoteEvent::Unapproved);
    }
    if starts("marked this merge request as **ready**")
        || starts("unmarked as a **Work In Progress**")
        || starts("unmarked this merge request as a **Draft**")
    {
        return Some(NoteEvent::MarkedReady);
    }
    // A commit can mark it too: "… as **draft** from 1a2b3c4d".
    if starts("marked this merge request as **draft**")
        || starts("marked this merge request as a **Draft**")
        || starts("marked as a **Work In Progress**")
    {
        return Some(NoteEvent::MarkedDraft);
    }
    if commits_added(body) {
        return Some(NoteEvent::CommitsAdded);
    }
    match body.split_whitespace().next()? {
        "merged" => Some(NoteEvent::Merged),
        "closed" => Some(NoteEvent::Closed),
        "reopened" => Some(NoteEvent::Reopened),
        _ => None,
    }
}

/// `added 12 commits …`.
fn commits_added(body: &str) -> bool {
    let mut words = body.split_whitespace();
    let (verb, count, noun) = (words.next(), words.next(), words.next());
    verb == Some("added") && count.is_some_and(|count| count.parse::<u32>().is_ok()) && matches!(noun, Some("commit" | "commits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_old_and_new_servers() {
        for (body, event) in [
            ("approved this merge request", Some(NoteEvent::Approved)),
            ("unapproved this merge request", Some(NoteEvent::Unapproved)),
            ("marked this merge request as **ready**", Some(NoteEvent::MarkedReady)),
            ("unmarked as a **Work In Progress**", Some(NoteEvent::MarkedReady)),
            ("marked this merge request as **draft**", Some(NoteEvent::MarkedDraft)),
            ("marked as a **Work In Progress** from 1a2b3c4d", Some(NoteEvent::MarkedDraft)),
            ("added 1 commit\n\n<ul><li>1a2b3c4d - more</li></ul>", Some(NoteEvent::CommitsAdded)),
            ("added 31 commits", Some(NoteEvent::CommitsAdded)),
            ("merged", Some(NoteEvent::Merged)),
            ("closed via commit 1a2b3c4d", Some(NoteEvent::Closed)),
            ("reopened", Some(NoteEvent::Reopened)),
            ("added ~7 label", None),
            ("mentioned in merge request !3", None),
            ("restored source branch `x`", None),
            ("", None),
        ] {
            assert_eq!(note_event(body), event, "{body}");
        }
    }
}

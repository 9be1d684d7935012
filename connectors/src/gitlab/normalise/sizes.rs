//! A merge request's size, counted from its diffs.
//!
//! The record keeps counts per file, not the diffs: code is not what this service is for, and it would be most of the storage.

use ovia_domain::{Entity, MergeRequestSize, Record};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest, Sha256};

use super::RowError;
use crate::gitlab::wire::{Diff, parse_row};

/// The stored payload: `{"files":[…]}`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SizePayload {
    pub files: Vec<FileSize>,
}

/// Lines added and deleted in one file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSize {
    pub path: String,
    pub additions: i64,
    pub deletions: i64,
    /// GitLab left the file's diff out, or part of it.
    pub partial: bool,
}

/// Counts one file. Lines before the first hunk are headers; after it every `+` and `-` is content, `+++` too.
pub fn file_size(diff: &Diff) -> FileSize {
    let content = diff.diff.lines().skip_while(|line| !line.starts_with("@@"));
    let (mut additions, mut deletions) = (0, 0);
    for line in content {
        match line.as_bytes().first() {
            Some(b'+') => additions += 1,
            Some(b'-') => deletions += 1,
            _ => {}
        }
    }
    FileSize { path: diff.new_path.clone(), additions, deletions, partial: diff.too_large || diff.collapsed }
}

/// The record of a merge request's size.
pub fn size_record(merge_request: &str, payload: &SizePayload) -> Result<Record, serde_json::Error> {
    Ok(record(merge_request, to_raw_value(payload)?, payload))
}

/// The record of a stored size, verbatim.
pub fn stored_size(merge_request: &str, raw: &RawValue) -> Result<Vec<Record>, RowError> {
    let payload: SizePayload = parse_row(raw.get())?;
    Ok(vec![record(merge_request, raw.to_owned(), &payload)])
}

fn record(merge_request: &str, raw: Box<RawValue>, payload: &SizePayload) -> Record {
    let content_hash = Sha256::digest(raw.get()).into();
    let sum = |lines: fn(&FileSize) -> i64| payload.files.iter().map(lines).fold(0, i64::saturating_add);
    let size = MergeRequestSize {
        external_id: merge_request.to_owned(),
        additions: sum(|file| file.additions),
        deletions: sum(|file| file.deletions),
        changed_files: i64::try_from(payload.files.len()).unwrap_or(i64::MAX),
        size_is_partial: payload.files.iter().any(|file| file.partial),
    };
    Record {
        external_id: merge_request.to_owned(),
        raw,
        content_hash,
        entities: vec![Entity::MergeRequestSize(size)],
        details: Vec::new(),
        whole_lists: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(diff: &str) -> (i64, i64) {
        let diff = Diff { new_path: "a.rs".into(), diff: diff.into(), too_large: false, collapsed: false };
        let size = file_size(&diff);
        (size.additions, size.deletions)
    }

    #[test]
    fn counts_lines_of_hunks_only() {
        assert_eq!(counted("@@ -1,2 +1,3 @@\n a\n-b\n+c\n+d\n\\ No newline at end of file\n"), (2, 1));
        assert_eq!(counted("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-b\n+c\n"), (1, 1), "unified headers are no content");
        assert_eq!(counted("@@ -1 +1 @@\n+++i\n---i\n"), (1, 1), "content may begin with signs");
        assert_eq!(counted("Binary files a/x and b/x differ\n"), (0, 0));
        assert_eq!(counted(""), (0, 0));
    }
}

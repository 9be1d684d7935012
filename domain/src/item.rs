//! Items by name: what an event says has changed.

use serde::{Deserialize, Serialize};

/// One item of a list stream, as an event names it. A hint: what it is now, only the source can say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemRef {
    /// A list stream that is partitioned by an earlier one: `merge_requests`.
    pub stream: String,
    /// External id of what it belongs to (its project), where the event says so.
    pub partition: Option<String>,
    pub external_id: String,
    /// Its number within what it belongs to, for sources that address it by that.
    pub number: Option<i64>,
}

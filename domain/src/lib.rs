#![doc = include_str!("../README.md")]

pub mod base_url;
pub mod documents;
pub mod entities;
pub mod error_code;
pub mod ids;
pub mod integrity;
pub mod item;
pub mod metric;
pub mod quality;
pub mod record;
pub mod report;
pub mod risk;
pub mod run;
pub mod schedule;
pub mod settings;
pub mod source;
pub mod stream;
pub mod window;
pub mod work_items;
pub mod work_keys;

pub use base_url::{BaseUrl, BaseUrlError, HookUrl};
pub use documents::*;
pub use entities::*;
pub use error_code::ErrorCode;
pub use ids::{ConnectionId, IdentityId, OrgId, PersonId, RunId, ScheduleId};
pub use item::ItemRef;
pub use metric::{Aggregate, Direction, MetricDefinition, MetricKey, RowTable};
pub use record::{DeadLetter, DetailRequest, ListKind, Record, WholeList};
pub use run::{RunCounts, RunError, RunKind, RunStatus};
pub use schedule::{Overlap, Schedule, When};
pub use settings::{ConfluenceSettings, GitlabSettings, JiraSettings, SettingsError};
pub use source::{FieldSpec, Source, SourceDescriptor};
pub use stream::{Partitioning, StreamKind, StreamSpec};
pub use window::TimeWindow;
pub use work_items::*;
pub use work_keys::work_item_keys;

#![doc = include_str!("../README.md")]

pub mod base_url;
pub mod entities;
pub mod error_code;
pub mod ids;
pub mod metric;
pub mod record;
pub mod run;
pub mod schedule;
pub mod settings;
pub mod source;
pub mod stream;
pub mod window;

pub use base_url::{BaseUrl, BaseUrlError};
pub use entities::*;
pub use error_code::ErrorCode;
pub use ids::{ConnectionId, IdentityId, OrgId, PersonId, RunId, ScheduleId};
pub use metric::{Direction, MetricDefinition, MetricKey};
pub use record::{DeadLetter, DetailRequest, Record};
pub use run::{RunCounts, RunError, RunKind, RunStatus};
pub use schedule::{Overlap, Schedule, When};
pub use settings::{GitlabSettings, SettingsError};
pub use source::{FieldSpec, Source, SourceDescriptor};
pub use stream::{Partitioning, StreamKind, StreamSpec};
pub use window::TimeWindow;

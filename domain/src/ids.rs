//! Ids of Ovia's own rows: UUID newtypes, so that a run id cannot be passed where a connection id is meant.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new time-ordered (UUIDv7) id. Reads the clock: never call it in workflow code.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    };
}

id!(
    /// An organisation: the tenant every row belongs to.
    OrgId
);
id!(
    /// One configured source: base URL, credentials, settings.
    ConnectionId
);
id!(
    /// One run: a row in `runs` and one Temporal workflow chain.
    RunId
);
id!(
    /// One schedule: a row in `schedules` and a Temporal Schedule.
    ScheduleId
);
id!(
    /// One account in one source.
    IdentityId
);
id!(
    /// One person (or one bot), joined from identities.
    PersonId
);

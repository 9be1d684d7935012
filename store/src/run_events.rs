//! run_events

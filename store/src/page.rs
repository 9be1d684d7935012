//! page
pub struct PageOf; pub struct PageToken;

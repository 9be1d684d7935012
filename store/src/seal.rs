//! seal
pub struct Sealer;

//! The mirror port: what it copies, in which form, and how the copies are written.

pub mod form;
pub mod writer;

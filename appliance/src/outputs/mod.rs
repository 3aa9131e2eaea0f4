//! Where a report goes.

pub mod file;

//! Spanwatch.
fn main() {}

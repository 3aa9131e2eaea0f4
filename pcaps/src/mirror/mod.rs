//! The mirror port: what it copies, in which form, and how the copies are written.

mod form;
mod name;
mod order;
mod tunnel;
mod writer;

pub use form::{Copy, Form, Tags, Way};
pub use name::{FormError, Name};
pub use order::Order;
pub use tunnel::Tunnel;
pub use writer::Writer;

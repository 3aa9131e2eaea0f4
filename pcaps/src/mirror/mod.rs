//! The mirror port: what it copies, in which form, and how the copies are written.

mod form;
mod order;
mod tunnel;
mod writer;

pub use form::{Copy, Form, FormError, Name, Tags, Way};
pub use order::Order;
pub use tunnel::Tunnel;
pub use writer::Writer;

//! What makes an appliance of the engine: where records go, what is kept of them, and who may see it.
//!
//! There are its [`config`], its [`outputs`], its [`store`], its [`recorder`] and [`access`]; the pages have a room of their own
//! above them.

pub mod access;
pub mod config;
pub mod outputs;
pub mod recorder;
pub mod store;

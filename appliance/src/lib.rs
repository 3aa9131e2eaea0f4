//! What makes an appliance of the engine: where records go.
//!
//! There are its [`config`], its [`outputs`] and its [`store`]; the web pages get a room of
//! their own beside them.

pub mod config;
pub mod outputs;
pub mod store;

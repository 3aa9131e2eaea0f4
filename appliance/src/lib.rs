//! What makes an appliance of the engine: where records go.
//!
//! So far there are its [`config`] and its [`outputs`]; the store and the web pages get rooms of
//! their own beside it.

pub mod config;
pub mod outputs;

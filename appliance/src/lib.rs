//! What makes an appliance of the engine: where records go.
//!
//! Only [`outputs`] live here so far; the store and the web pages get rooms of
//! their own beside it.

pub mod outputs;

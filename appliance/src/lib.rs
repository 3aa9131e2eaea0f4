//! What makes an appliance of the engine: where records go, what is kept of them, and who may see it.
//!
//! There are its [`config`], its [`outputs`], its [`store`], its [`recorder`] and [`access`]; what it gives up ([`confine`])
//! and what it tells the service manager ([`service`]). The pages have a room of their own above them.

pub mod access;
pub mod config;
pub mod confine;
pub mod outputs;
pub mod recorder;
pub mod service;
pub mod store;
pub mod uploads;

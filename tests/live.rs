//! The whole product, live: watching, writing its store, telling receivers, serving its pages.

mod access;
mod outputs;
mod store;
mod support;
mod watch;
mod web;

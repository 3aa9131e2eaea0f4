//! The whole product, live: watching, writing its store, keeping packets, telling receivers, serving its pages.

mod access;
mod api;
mod budget;
mod clock;
mod confined;
mod full_disk;
mod installed;
mod outputs;
mod recorder;
mod store;
mod support;
mod watch;
mod web;

//! Pages and API of what Spanwatch knows: the web of a running watch, of a replayed capture, of a report.
//!
//! ```text
//!  watch, replay, a file ──Report──► Picture ──ArcSwap──► pages (HTML), /api/v1 (JSON), book (one file)
//!                                   one moment, never changed     all of the same picture
//! ```
//!
//! Captures that people bring are sites of their own, below a path ([`Brought`]).
//!
//! A page shows one [`Picture`] from its head to its foot, so that no page has numbers of two moments. All pages work
//! without script; htmx adds that they follow a running watch. Nothing is loaded from elsewhere, and the
//! Content-Security-Policy says so.
//!
//! Every text from the wire is hostile: the templates escape it, [`words::shown`] takes from it what turns a line
//! around or breaks it, and cuts it. A report is served to this machine alone ([`Refusal::Everybody`]); a site with a store lets
//! in whom that knows ([`Access`]), each by his role (`rules.rs`).

mod access;
mod api;
pub mod book;
mod brought;
mod charts;
mod faults;
mod help;
#[cfg(test)]
mod hostile;
mod lanes;
mod lists;
mod maker;
mod memo;
mod pages;
mod past;
mod picture;
mod receivers;
mod rules;
mod server;
mod site;
#[cfg(test)]
mod test;
#[cfg(test)]
mod tests;
mod tree;
mod words;

pub use access::Access;
pub use brought::{Analyst, Brought};
pub use maker::Maker;
pub use picture::{Picture, Receiver};
pub use server::{Refusal, Web};
pub use site::{Carved, Packet, Packets, Site};

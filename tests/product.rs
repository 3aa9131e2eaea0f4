//! The whole product, replaying: every file beside this one that needs neither a clock nor a network of its own.
//! One binary, for each that is linked costs as much as the product itself.

mod alarms;
mod captures;
mod carve;
mod cli;
mod fingerprints;
mod greetings;
mod healthy;
mod hostile;
mod house;
mod incident;
mod inventory;
mod kinds;
mod labelled;
mod mirror_forms;
mod networks;
mod report;
mod risks;
mod rules;
mod same_bytes;
mod streams;
mod support;
mod time_rules;
mod two_depths;

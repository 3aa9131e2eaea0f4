//! What Spanwatch can find: one file per kind, its documentation its help page.

pub mod device_offline;
pub mod devices_offline_together;
pub mod input_damaged;
pub mod limit_reached;
pub mod mirror_clock;
pub mod mirror_lost;
pub mod recorder_offline;

use std::fmt;

use spanwatch_parsers::Time;

use crate::finding::{Finding, Kind};
use crate::ledger::directory::{Directory, Number};
use crate::ledger::switch::Switches;
use crate::observation::Observation;

/// What watches for one kind of thing.
///
/// It takes all observations in their order, after the ledger has; it reads the ledger and changes nothing in it.
/// Whatever it holds is bounded.
pub trait Detector: fmt::Debug + Send {
    /// Takes the next observation.
    fn observe(&mut self, seen: &Observation, known: &Known<'_>);

    /// Says that all of the time before `to` has been seen: deadlines up to then may fire, in their order, stamped with themselves.
    fn advance(&mut self, _to: Time, _known: &Known<'_>) {}

    /// Says that nobody watched between the two, or that the capture's clock leapt from one to the other:
    /// deadlines move by as much, and what is measured begins anew.
    fn unwatched(&mut self, _from: Time, _to: Time) {}

    /// Says that one device turned out to be another.
    fn renumber(&mut self, _gone: Number, _kept: Number) {}

    /// What it found, as of now.
    fn findings(&self, known: &Known<'_>) -> Vec<Finding>;
}

/// What a detector may read of the ledger.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Who is who.
    pub directory: &'a Directory,
    /// Switches, and who hangs on them.
    pub switches: &'a Switches,
    /// The last packet's time.
    pub now: Time,
}

/// Every kind of finding, in the contract's order.
pub const ALL: &[&Kind] = &[
    &device_offline::KIND,
    &recorder_offline::KIND,
    &devices_offline_together::KIND,
    &mirror_lost::KIND,
    &mirror_clock::KIND,
    &input_damaged::KIND,
    &limit_reached::KIND,
];

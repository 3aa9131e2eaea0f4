//! From an order to a capture and the truth about it.

use std::io;

use crate::incident::Plan;
use crate::random::Random;
use crate::tap::{Out, Tap};
use crate::truth::Truth;
use crate::world::World;

pub use crate::incident::{PlanError, plan};

/// Runs what was planned and hands what the mirror shows to `out`; `progress` is told the simulated time, once a
/// simulated second. Returns the truth about it.
///
/// # Errors
/// Where `out` cannot take a frame.
pub fn run(plan: &Plan, out: Out<'_>, progress: impl FnMut(i64)) -> io::Result<Truth> {
    let options = &plan.options;
    let tap = Tap::new(out, options.form.clone(), plan.site.hosts.len(), Random::of(options.seed, "tap", 0));
    let mut world = World::new(options, plan.site.clone(), plan.changes.clone(), tap);
    world.run(options.start, options.start + options.length, progress)?;
    Ok(Truth::of(plan, &world))
}

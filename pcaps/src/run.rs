//! From an order to a capture and the truth about it.

use std::io;

use crate::options::Options;
use crate::random::Random;
use crate::site::Site;
use crate::tap::{Out, Tap};
use crate::world::World;

/// Runs a site and hands what its mirror shows to `out`; `progress` is told the simulated time, now and then.
///
/// # Errors
/// Where `out` cannot take a frame.
pub fn run(options: &Options, out: Out<'_>, progress: impl FnMut(i64)) -> io::Result<()> {
    let site = Site::new(options);
    let tap = Tap::new(out, options.form.clone(), site.hosts.len(), Random::of(options.seed, "tap", 0));
    let mut world = World::new(options, site, Vec::new(), tap);
    world.run(options.start, options.start + options.length, progress)
}

//! All that is kept of the frames behind a finding, for who asks for them: what was frozen, and what the ring still holds ([`behind`]).
//!
//! Who asks may be another process than the watch, which goes on meanwhile: files are read as they are, each to its last whole frame.
//! Frames are cited by input and number, so that of each run's segments only what that run cites is evidence.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use spanwatch_engine::carve::Addresses;
use spanwatch_engine::report::Finding;
use spanwatch_parsers::Time;

use super::freeze::{Frozen, Pick, Wanted, evidence, frames, joined, picked};
use super::{own, ring};

/// What is kept of a finding.
#[derive(Debug, Default)]
pub struct Behind {
    /// Its frames, in their order.
    pub frames: Vec<Frozen>,
    /// Pieces of evidence that cite a frame.
    pub cited: usize,
    /// Those of them whose frame is not kept, from 1.
    pub gone: Vec<usize>,
    /// Since when recent frames are kept; `None` where none are.
    pub since: Option<Time>,
    /// Frames that were one too many for one finding.
    pub left_out: u64,
}

/// The frames of a finding that are kept in the store of a folder; `addresses` are those of its devices, `runs` when watches began.
///
/// # Errors
/// Where something that is there cannot be read.
pub fn behind(dir: &Path, finding: &Finding, addresses: &Addresses, runs: &[Time]) -> io::Result<Behind> {
    let mut found = match evidence(dir, &finding.id) {
        Ok(Some(path)) => frames(BufReader::new(File::open(path)?))?,
        Ok(None) => Vec::new(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let kept = ring::runs(dir)?;
    let mut left_out = 0_u64;
    for run in &kept {
        // A recorder begins a little later than its watch.
        let next = runs.iter().copied().filter(|next| *next > run.began).min().unwrap_or(Time(i64::MAX));
        let Some(finding) = own(finding, (run.began, next)) else { continue };
        let mut pick = [Pick::new(&Wanted { finding, addresses: addresses.clone() })];
        let turn = picked(&mut pick, run.segments.iter(), (&run.names, Time(i64::MAX)));
        left_out = left_out.saturating_add(turn);
        found.extend(pick.into_iter().flat_map(|it| it.found));
    }
    let frames = joined(found.into_iter());
    let cited: Vec<(usize, u64)> =
        (1..).zip(&finding.evidence).filter_map(|(piece, it)| Some((piece, it.frame?))).collect();
    let is_kept = |frame: u64| frames.iter().any(|it| it.frame == frame && it.is_evidence());
    Ok(Behind {
        cited: cited.len(),
        gone: cited.iter().filter(|(_, frame)| !is_kept(*frame)).map(|(piece, _)| *piece).collect(),
        since: kept.iter().filter_map(|run| Some(run.segments.first()?.first)).min(),
        left_out,
        frames,
    })
}

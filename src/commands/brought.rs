//! Captures that people bring to the pages: analysed as `replay` does it, in one thread, up to a bound.

use std::io;
use std::path::Path;
use std::sync::Arc;

use spanwatch_appliance::uploads::Uploads;
use spanwatch_capture::{Bound, Inputs, Reader};
use spanwatch_engine::report::{json, read};
use spanwatch_web::{Analyst, Brought, Picture, Site};

use super::analysis::Data;
use super::serve::Again;

/// Takes captures into a store's folder.
///
/// # Errors
/// Where it cannot be written.
pub fn captures(store: &Path, data: &Data) -> io::Result<Brought> {
    Brought::new(Uploads::open(store)?, Arc::new(Replays { data: Arc::new(data.beside()) }))
}

/// Replays them.
struct Replays {
    data: Arc<Data>,
}

impl Analyst for Replays {
    fn report(&self, capture: &Path) -> Result<Vec<u8>, String> {
        let bound = Bound::new(UNPACKED_MAX);
        let is_within = || match bound.is_over() {
            true => Err(format!("it unpacks to more than {} GiB", UNPACKED_MAX >> 30)),
            false => Ok(()),
        };
        let inputs = Inputs::find_within(&[capture.to_owned()], Some(bound.clone()));
        // What it is, or lacks, is not known where it was read no further.
        is_within()?;
        let reader = Reader::new(inputs.map_err(|error| error.to_string())?, None);
        let analysed = self.data.analysed(Box::new(reader), None, &mut |_, _| {});
        is_within()?;
        let (report, _) = analysed.map_err(|failure| failure.to_string())?;
        let mut bytes = Vec::new();
        json::write(&report, &mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    fn site(&self, capture: &Path, report: &[u8]) -> Result<Site, String> {
        let report = read::report(report).map_err(|why| why.to_string())?;
        let again = Again { paths: vec![capture.to_owned()], data: Arc::clone(&self.data) };
        Ok(Site::still(Picture::new(report, None), Some(Box::new(again))))
    }
}

/// Of compressed captures, frames or not: what a processor reads in a minute or two.
const UNPACKED_MAX: u64 = 4 << 30;

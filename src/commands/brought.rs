//! Captures that people bring to the pages: analysed as `replay` does it, in one thread, up to a bound.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use spanwatch_appliance::uploads::Uploads;
use spanwatch_capture::{Batch, InputReport, Inputs, ReadError, Reader, Source};
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
        let inputs = Inputs::find(&[capture.to_owned()]).map_err(|error| error.to_string())?;
        let is_over = Arc::new(AtomicBool::new(false));
        let reader =
            Bounded { reader: Reader::new(inputs, None), left: UNPACKED_MAX, is_over: Arc::clone(&is_over) };
        let analysed = self.data.analysed(Box::new(reader), None, &mut |_, _| {});
        if is_over.load(Ordering::Relaxed) {
            return Err(format!("it unpacks to more than {} GiB", UNPACKED_MAX >> 30));
        }
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

/// A capture that ends where it becomes too much.
struct Bounded {
    reader: Reader,
    /// Bytes of frames that may still come, [`A_FRAME`] more of each.
    left: u64,
    is_over: Arc<AtomicBool>,
}

impl Source for Bounded {
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, ReadError> {
        let has_more = self.reader.fill(batch)?;
        let taken = batch.bytes().saturating_add(batch.len().saturating_mul(A_FRAME));
        match self.left.checked_sub(taken as u64) {
            Some(left) => self.left = left,
            None => {
                self.is_over.store(true, Ordering::Relaxed);
                return Ok(false);
            }
        }
        Ok(has_more)
    }

    fn is_filtered(&self) -> bool {
        self.reader.is_filtered()
    }

    fn filter_refusals(&self) -> Vec<String> {
        self.reader.filter_refusals()
    }

    fn finish(&mut self) -> Result<Vec<InputReport>, ReadError> {
        match self.is_over.load(Ordering::Relaxed) {
            true => Ok(Vec::new()),
            false => self.reader.finish(),
        }
    }
}

/// What a frame takes beside its bytes.
const A_FRAME: usize = 16;
/// Of compressed captures: what a processor reads in a minute or two.
const UNPACKED_MAX: u64 = 4 << 30;

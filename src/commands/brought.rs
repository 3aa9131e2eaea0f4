//! Captures that people bring to the pages: analysed as `replay` does it, in one thread, up to a bound.

use std::io;
use std::path::Path;
use std::sync::Arc;

use spanwatch_appliance::uploads::{Analysed, Uploads};
use spanwatch_capture::{Bound, Inputs, Reader};
use spanwatch_engine::report::courses::{Courses, Kept};
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
    fn analysed(&self, capture: &Path) -> Result<Analysed, String> {
        let bound = Bound::new(UNPACKED_MAX);
        let is_within = || match bound.is_over() {
            true => Err(format!("it unpacks to more than {} GiB", UNPACKED_MAX >> 30)),
            false => Ok(()),
        };
        let inputs = Inputs::find_within(&[capture.to_owned()], Some(bound.clone()));
        // What it is, or lacks, is not known where it was read no further.
        is_within()?;
        let reader = Reader::new(inputs.map_err(|error| error.to_string())?, None);
        let mut courses = Courses::default();
        let analysed = self.data.analysed(Box::new(reader), None, &mut |ledger, moment| {
            moment.into_iter().for_each(|moment| courses.hear(ledger, moment));
        });
        is_within()?;
        let (report, _) = analysed.map_err(|failure| failure.to_string())?;
        let unwritten = |error: &dyn std::fmt::Display| error.to_string();
        let courses = courses.of(&report).write().map_err(|error| unwritten(&error))?;
        let mut analysed = Analysed { report: Vec::new(), courses };
        json::write(&report, &mut analysed.report).map_err(|error| unwritten(&error))?;
        Ok(analysed)
    }

    fn site(&self, capture: &Path, analysed: &Analysed) -> Result<Site, String> {
        let report = read::report(&analysed.report)?;
        // What an earlier version analysed has none.
        let courses = Kept::read(&analysed.courses).unwrap_or_default();
        let again = Again { paths: vec![capture.to_owned()], data: Arc::clone(&self.data) };
        Ok(Site::still(Picture::new(report, None).with_courses(courses), Some(Box::new(again))))
    }
}

/// Of compressed captures, frames or not: what a processor reads in a minute or two.
const UNPACKED_MAX: u64 = 4 << 30;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::analysis::Common;
    use super::*;

    #[test]
    fn of_a_capture_that_was_brought_it_is_kept_how_its_streams_went() {
        let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("pcaps/site-six-behind-a-switch.pcapng");
        let replays = Replays { data: Arc::new(Common::default().data().unwrap()) };
        let analysed = replays.analysed(&capture).unwrap();
        let (report, courses) =
            (read::report(&analysed.report).unwrap(), Kept::read(&analysed.courses).unwrap());
        let ends = |source: &String, destination: &String| (source.clone(), destination.clone());
        let told: BTreeSet<_> = report.streams.iter().map(|it| ends(&it.source, &it.destination)).collect();
        let kept: BTreeSet<_> = courses.streams.keys().map(|it| ends(&it.source, &it.destination)).collect();
        assert!(!told.is_empty() && kept == told, "{told:?}: {kept:?}");
        let site = replays.site(&capture, &analysed).unwrap();
        assert_eq!(site.picture().report.devices.len(), report.devices.len());
    }
}

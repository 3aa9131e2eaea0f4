//! A thread that makes pictures of a watch's reports, so that the watch waits for none: [`Maker`].

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use spanwatch_engine::report::Report;

use crate::{Picture, Receiver, Site};

/// Makes one picture at a time.
#[derive(Debug)]
pub struct Maker {
    work: SyncSender<(Report, Vec<Receiver>)>,
    is_busy: Arc<AtomicBool>,
}

impl Maker {
    /// Shows what is made on a site.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub fn new(site: Arc<Site>) -> io::Result<Self> {
        let (work, waiting) = mpsc::sync_channel::<(Report, Vec<Receiver>)>(1);
        let is_busy = Arc::new(AtomicBool::new(false));
        let own = Arc::clone(&is_busy);
        let make = move || {
            for (report, receivers) in waiting {
                let show = || site.show(Picture::new(report, None).telling(receivers));
                // What fails costs a picture, and the next one comes.
                let _ = catch_unwind(AssertUnwindSafe(show));
                own.store(false, Ordering::Release);
            }
        };
        thread::Builder::new().name("pictures".to_owned()).spawn(make)?;
        Ok(Self { work, is_busy })
    }

    /// Whether one is being made: the next is not taken before that is shown.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Acquire)
    }

    /// Makes one of a report, with who is told. Waits for nothing.
    pub fn make(&self, report: Report, receivers: Vec<Receiver>) {
        if !self.is_busy.swap(true, Ordering::AcqRel) {
            let _ = self.work.try_send((report, receivers));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::{report, site};

    #[test]
    fn each_picture_is_shown_and_who_makes_the_next_waits_for_none() {
        let site = Arc::new(site());
        let maker = Maker::new(Arc::clone(&site)).unwrap();
        for number in 2..5 {
            while maker.is_busy() {
                thread::yield_now();
            }
            let receiver = Receiver { name: number.to_string(), ..Receiver::default() };
            maker.make(report(), vec![receiver]);
        }
        while maker.is_busy() {
            thread::yield_now();
        }
        let picture = site.picture();
        assert_eq!((picture.number, picture.receivers[0].name.as_str()), (4, "4"));
    }
}

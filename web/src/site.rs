//! What is served: the latest [`Picture`] of a site, and the packets behind it where they are at hand.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use spanwatch_engine::report::{Finding, Report};
use tokio::sync::{Mutex, watch};

use crate::Picture;

/// One packet behind a finding.
#[derive(Debug, Clone, Default)]
pub struct Packet {
    /// RFC 3339.
    pub time: String,
    /// Which input it came from.
    pub input: u32,
    /// Its number there, from 1.
    pub frame: u64,
    /// Bytes on the wire.
    pub length: u32,
    /// What it is, in a line.
    pub told: String,
    /// Why it is here: the evidence that it is, or nothing where it is only around it.
    pub evidence: Option<String>,
    /// Bytes that were overwritten because they may hold a secret.
    pub masked: u64,
}

/// The packets behind one finding.
#[derive(Debug, Default)]
pub struct Carved {
    /// In the order of the capture; no more than a page can hold.
    pub packets: Vec<Packet>,
    /// How many there are.
    pub count: u64,
    /// A pcapng file with all of them.
    pub file: Vec<u8>,
}

/// Who can fetch packets behind findings.
pub trait Packets: Send + Sync {
    /// Fetches them. It may read the whole capture again.
    ///
    /// # Errors
    /// In a sentence for the page, where they cannot be had.
    fn carve(&self, report: &Report, finding: &Finding) -> Result<Carved, String>;
}

/// What is served.
pub struct Site {
    picture: ArcSwap<Picture>,
    numbers: watch::Sender<u64>,
    packets: Option<Box<dyn Packets>>,
    is_live: bool,
    /// What was carved last: its table and its file are asked for one after the other. One is carved at a time.
    carved: Mutex<Option<(String, u64, Arc<Carved>)>>,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("is_live", &self.is_live).finish_non_exhaustive()
    }
}

impl Site {
    /// Of a report that stays as it is.
    #[must_use]
    pub fn still(picture: Picture, packets: Option<Box<dyn Packets>>) -> Self {
        Self::new(picture, packets, false)
    }

    /// Of a watch that goes on.
    #[must_use]
    pub fn live(picture: Picture) -> Self {
        Self::new(picture, None, true)
    }

    fn new(picture: Picture, packets: Option<Box<dyn Packets>>, is_live: bool) -> Self {
        Self {
            numbers: watch::Sender::new(picture.number),
            picture: ArcSwap::from_pointee(picture),
            packets,
            is_live,
            carved: Mutex::new(None),
        }
    }

    /// Shows a newer picture from now on.
    pub fn show(&self, mut picture: Picture) {
        picture.number = self.picture.load().number.saturating_add(1);
        let number = picture.number;
        self.picture.store(Arc::new(picture));
        self.numbers.send_replace(number);
    }

    /// The latest picture.
    #[must_use]
    pub fn picture(&self) -> Arc<Picture> {
        self.picture.load_full()
    }

    /// The numbers of pictures as they come.
    pub(crate) fn numbers(&self) -> watch::Receiver<u64> {
        self.numbers.subscribe()
    }

    /// Whether the picture changes.
    pub(crate) const fn is_live(&self) -> bool {
        self.is_live
    }

    /// Whether packets can be had.
    pub(crate) const fn has_packets(&self) -> bool {
        self.packets.is_some()
    }

    /// The packets behind a finding of `picture`.
    ///
    /// # Errors
    /// In a sentence for the page.
    pub(crate) async fn carve(
        self: &Arc<Self>,
        picture: &Arc<Picture>,
        id: &str,
    ) -> Result<Arc<Carved>, String> {
        let mut last = self.carved.lock().await;
        if let Some((carved_id, number, carved)) = &*last
            && carved_id == id
            && *number == picture.number
        {
            return Ok(Arc::clone(carved));
        }
        let (site, of, key) = (Arc::clone(self), Arc::clone(picture), id.to_owned());
        let carving = tokio::task::spawn_blocking(move || {
            let packets = site.packets.as_ref().ok_or(NO_PACKETS)?;
            let finding = of.finding(&key).ok_or("there is no such finding")?;
            packets.carve(&of.report, finding)
        });
        let carved = Arc::new(carving.await.map_err(|_| "the packets could not be read".to_owned())??);
        *last = Some((id.to_owned(), picture.number, Arc::clone(&carved)));
        Ok(carved)
    }
}

/// Where only a report is at hand.
pub(crate) const NO_PACKETS: &str = "The packets are not at hand here: this is a report without its capture. \
     spanwatch carve --finding ID CAPTURE -w OUT.pcapng writes them.";

//! What is served: the latest [`Picture`] of a site, and the packets behind it where they are at hand.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use arc_swap::ArcSwap;
use serde::Serialize;
use spanwatch_engine::report::{Finding, Report};
use spanwatch_parsers::{Span, Time};
use tokio::sync::{Mutex, watch};
use utoipa::ToSchema;

use crate::access::Access;
use crate::brought::Brought;
use crate::picture::Life;
use crate::{Picture, pages};

/// One packet behind a finding.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
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
    #[serde(skip_serializing_if = "Option::is_none")]
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

    /// Whether there are any, as far as that is known beforehand.
    fn has(&self, finding: &Finding) -> bool {
        let _ = finding;
        true
    }
}

/// What is served.
pub struct Site {
    picture: ArcSwap<Picture>,
    numbers: watch::Sender<u64>,
    packets: Option<Box<dyn Packets>>,
    is_live: bool,
    access: Option<Access>,
    brought: Option<Brought>,
    /// The name of the capture that somebody brought, where it is the site of one.
    of_capture: Option<String>,
    /// What people made of findings, as it was read last, and when the past was.
    life: ArcSwap<Life>,
    /// One reads the store at a time; whoever watches does not wait for that.
    read: std::sync::Mutex<Read>,
    /// One changes the picture at a time.
    change: std::sync::Mutex<()>,
    /// What was carved last: its table and its file are asked for one after the other. One is carved at a time.
    carved: Mutex<Option<(String, u64, Arc<Carved>)>>,
}

/// What was read of a store.
#[derive(Debug, Default)]
struct Read {
    version: Option<i64>,
    /// When findings of earlier runs were read last.
    past: Option<Time>,
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
    pub fn live(picture: Picture, packets: Option<Box<dyn Packets>>) -> Self {
        Self::new(picture, packets, true)
    }

    fn new(picture: Picture, packets: Option<Box<dyn Packets>>, is_live: bool) -> Self {
        ahead(&picture);
        Self {
            numbers: watch::Sender::new(picture.number),
            picture: ArcSwap::from_pointee(picture),
            packets,
            is_live,
            access: None,
            brought: None,
            of_capture: None,
            life: ArcSwap::default(),
            read: std::sync::Mutex::default(),
            change: std::sync::Mutex::default(),
            carved: Mutex::new(None),
        }
    }

    /// Lets in only whom a store knows, and shows what people made of its findings.
    #[must_use]
    pub fn with(mut self, access: Access) -> Self {
        self.access = Some(access);
        self.refresh();
        self
    }

    /// Takes captures that people bring.
    #[must_use]
    pub fn bringing(mut self, brought: Brought) -> Self {
        self.brought = Some(brought);
        self
    }

    /// Is that of a capture which somebody brought.
    #[must_use]
    pub(crate) fn of_capture(mut self, name: &str) -> Self {
        self.of_capture = Some(name.to_owned());
        self
    }

    /// The capture that it is of.
    pub(crate) fn capture(&self) -> Option<&str> {
        self.of_capture.as_deref()
    }

    /// The captures that people brought; `None` where none are taken.
    pub(crate) const fn brought(&self) -> Option<&Brought> {
        self.brought.as_ref()
    }

    /// Removes captures whose time is over.
    pub(crate) fn tidy(&self) {
        if let (Some(brought), Some(access)) = (&self.brought, &self.access) {
            brought.tidy(access);
        }
    }

    /// How people come in; `None` where whoever is on this machine does.
    pub(crate) const fn access(&self) -> Option<&Access> {
        self.access.as_ref()
    }

    /// Shows what people made of findings, and say of devices, since it was read last. Reads the store.
    pub(crate) fn refresh(&self) {
        let Some(access) = &self.access else { return };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(version) = access.desk.version() else { return };
        if read.version == Some(version) {
            return;
        }
        let (known, now) = (self.life.load_full(), access.now());
        let is_due = read.past.is_none_or(|past| now < past || now - past > PAST_EVERY);
        let Ok(standings) = access.desk.standings() else { return };
        let standings: BTreeMap<_, _> = standings.into_iter().map(|it| (it.id.clone(), it)).collect();
        let Ok(labels) = access.desk.labels() else { return };
        let past = if is_due { access.desk.past(PAST_MAX).ok() } else { None };
        read.version = Some(version);
        read.past = if is_due { Some(now) } else { read.past };
        let is_same =
            |past: &Vec<Finding>| past.iter().map(|it| &it.id).eq(known.past.iter().map(|it| &it.id));
        if standings == known.standings && labels == known.labels && past.as_ref().is_none_or(is_same) {
            return;
        }
        let past = past.unwrap_or_else(|| known.past.clone());
        let life = Arc::new(Life { standings, past, labels });
        let _one = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        self.life.store(Arc::clone(&life));
        self.put(self.picture.load().living(&life));
    }

    /// Shows a newer picture from now on, once what is asked of it is found out.
    pub fn show(&self, picture: Picture) {
        let _one = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let life = self.life.load_full();
        let is_lifeless = life.standings.is_empty() && life.past.is_empty() && life.labels.is_empty();
        self.put(if is_lifeless { picture } else { picture.living(&life) });
    }

    fn put(&self, mut picture: Picture) {
        let before = self.picture.load_full();
        picture.number = before.number.saturating_add(1);
        let number = picture.number;
        picture.ahead(&before);
        ahead(&picture);
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

    /// Whether the packets behind a finding can be had.
    pub(crate) fn has_packets(&self, finding: &Finding) -> bool {
        self.packets.as_ref().is_some_and(|packets| packets.has(finding))
    }

    /// Why the packets behind a finding cannot be had.
    pub(crate) const fn lacks_packets(&self) -> &'static str {
        if self.packets.is_some() { NOT_KEPT } else { NO_PACKETS }
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

/// Finds out what is asked of every picture; where that fails it is left to who asks.
fn ahead(picture: &Picture) {
    let _ = catch_unwind(AssertUnwindSafe(|| pages::ahead(picture)));
}

/// Where they are at hand, and not those.
const NOT_KEPT: &str = "No packets are kept for this finding: none were recorded around it yet, or they had to make room for \
     others'.";
/// Where only a report is at hand.
pub(crate) const NO_PACKETS: &str = "The packets are not at hand here: this is a report without its capture. \
     spanwatch carve --finding ID CAPTURE -w OUT.pcapng writes them.";
/// Findings of earlier runs that are shown.
const PAST_MAX: u32 = 500;
/// How often they are read while a watch writes.
const PAST_EVERY: Span = Span::seconds(30);

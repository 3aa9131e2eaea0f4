//! What a capture's first bytes say it is: [`Format`].

use std::io::Read;

use spanwatch_parsers::{LinkType, Time};

use crate::block::Window;
use crate::harm::Harm;
use crate::pcap::Pcap;
use crate::pcapng::Pcapng;

/// A capture file of either kind, behind its first bytes.
#[derive(Debug)]
pub(crate) enum Format {
    Pcap(Pcap),
    Pcapng(Box<Pcapng>),
}

/// One frame: what its header says, and where in the window's block it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// `None` where the capture holds no time for it.
    pub(crate) at: Option<Time>,
    pub(crate) link: LinkType,
    pub(crate) interface: u32,
    pub(crate) wire_length: u32,
    /// Things since the frame before that are no frames, and numbered as such in Wireshark.
    pub(crate) numbered_before: u64,
    pub(crate) start: usize,
    pub(crate) length: usize,
}

impl Format {
    /// Recognises the capture; `None` where it is none.
    pub(crate) fn start<R: Read>(window: &mut Window<R>, harm: &mut Harm) -> Option<Self> {
        if Pcapng::is_start(window) {
            return Some(Self::Pcapng(Box::default()));
        }
        Pcap::start(window, harm).map(Self::Pcap)
    }

    /// Reads the next frame; its bytes lie in the window's block until the next call.
    pub(crate) fn next<R: Read>(&mut self, window: &mut Window<R>, harm: &mut Harm) -> Option<Frame> {
        match self {
            Self::Pcap(pcap) => pcap.next(window, harm),
            Self::Pcapng(pcapng) => pcapng.next(window, harm),
        }
    }

    /// The next frame and the bytes to pass for it, where it is as nearly all are; `None` of all else, which [`Self::next`] judges.
    #[inline]
    pub(crate) fn plain<R: Read>(&self, window: &Window<R>) -> Option<(Frame, usize)> {
        match self {
            Self::Pcap(_) => None,
            Self::Pcapng(pcapng) => pcapng.plain(window),
        }
    }

    /// Its name in the report.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Pcap(pcap) if pcap.is_nano() => "pcap-ns",
            Self::Pcap(_) => "pcap",
            Self::Pcapng(_) => "pcapng",
        }
    }

    /// The link types of its interfaces, in order of their numbers.
    pub(crate) fn links(&self) -> Vec<LinkType> {
        match self {
            Self::Pcap(pcap) => vec![pcap.link()],
            Self::Pcapng(pcapng) => pcapng.links().collect(),
        }
    }

    /// Frames that the capturing machine says it lost; `None` where it says nothing.
    pub(crate) fn dropped(&self) -> Option<u64> {
        match self {
            Self::Pcap(_) => None,
            Self::Pcapng(pcapng) => pcapng.dropped(),
        }
    }

    /// Blocks that hold neither frames nor anything about them.
    pub(crate) const fn others(&self) -> u64 {
        match self {
            Self::Pcap(_) => 0,
            Self::Pcapng(pcapng) => pcapng.others(),
        }
    }
}

/// Why the stream ends before `wanted` bytes of `what`.
pub(crate) fn cut<R: Read>(window: &Window<R>, wanted: usize, what: &str) -> String {
    match window.failure() {
        Some(failure) => failure.to_owned(),
        None => format!("the file ends inside {what}: {} of {wanted} bytes are there", window.in_view()),
    }
}

/// How far reading looks behind damage for a place to go on, in bytes: 64 of
/// the largest frames.
pub(crate) const RESYNC_MAX: usize = 16 << 20;

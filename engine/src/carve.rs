//! The frames behind a finding: [`Carver`] picks them out of a capture in one pass.
//!
//! Evidence is what the finding cites. Context is what its devices sent, were sent or were asked for (ARP) around each
//! piece of evidence, and around the moments that no frame shows: when it began, was known, was over.
//!
//! ```text
//! … . . . [BEFORE_MAX of the devices' frames, of the last 30 s] evidence [AFTER_MAX, of the next 30 s] . . …
//! ```

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use spanwatch_parsers::{Mac, Span, Time};

use crate::mask::Masked;
use crate::peel::{Network, Peeled};
use crate::report::{Finding, Report, time};

/// Picks the frames of one finding.
#[derive(Debug)]
pub struct Carver {
    /// As every comment begins.
    called: String,
    /// What is cited, by input and frame: the numbers of the evidence, and its words.
    cited: BTreeMap<(u32, u64), Vec<String>>,
    /// Times that no frame shows, to come.
    moments: VecDeque<Time>,
    macs: BTreeSet<Mac>,
    ips: BTreeSet<IpAddr>,
    before: VecDeque<Frame>,
    /// Frames that are still context, and until when.
    after: (usize, Time),
}

/// What the devices of a finding are addressed by.
pub type Addresses = (BTreeSet<Mac>, BTreeSet<IpAddr>);

/// A frame that may be written, masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its time stamp.
    pub at: Time,
    /// Index of its input.
    pub input: u32,
    /// Its number in its input, from 1.
    pub frame: u64,
    /// How the caller finds its interface again.
    pub interface: u32,
    /// Bytes it had on the wire.
    pub wire_length: u32,
    /// What was captured, masked.
    pub bytes: Vec<u8>,
    /// What was overwritten.
    pub masked: Masked,
}

impl Carver {
    /// One for a finding of a report.
    #[must_use]
    pub fn new(report: &Report, finding: &Finding) -> Self {
        let addresses = addresses(report, |id| finding.devices.iter().any(|it| it == id));
        Self::of(finding, addresses)
    }

    /// One for a finding whose devices have these addresses.
    #[must_use]
    pub fn of(finding: &Finding, (macs, ips): Addresses) -> Self {
        let mut cited: BTreeMap<_, Vec<String>> = BTreeMap::new();
        let mut moments: Vec<Time> =
            [Some(&finding.first_seen), Some(&finding.detected), finding.ended.as_ref()]
                .into_iter()
                .flatten()
                .filter_map(|text| time::parse(text))
                .collect();
        let count = finding.evidence.len();
        for (number, evidence) in (1_usize..).zip(&finding.evidence) {
            match (evidence.input, evidence.frame) {
                (Some(input), Some(frame)) => {
                    let words = format!("evidence {number} of {count}: {}", evidence.text);
                    cited.entry((input, frame)).or_default().push(words);
                }
                _ => moments.extend(time::parse(&evidence.time)),
            }
        }
        moments.sort_unstable();
        Self {
            called: format!("{} {}", finding.kind, finding.id),
            cited,
            moments: moments.into(),
            macs,
            ips,
            before: VecDeque::new(),
            after: (0, Time::MIN),
        }
    }

    /// Whether a frame may belong to the finding; `bytes` as they were captured.
    #[must_use]
    pub fn wants(&self, (input, frame): (u32, u64), peeled: &Peeled, bytes: &[u8]) -> bool {
        let layers = &peeled.layers;
        let is_of = |ip: &IpAddr| self.ips.contains(ip);
        self.cited.contains_key(&(input, frame))
            || layers.ips.is_some_and(|(source, destination)| is_of(&source) || is_of(&destination))
            || [layers.source_mac, layers.destination_mac].iter().flatten().any(|mac| self.macs.contains(mac))
            || asked_for(peeled, bytes).is_some_and(|ip| is_of(&ip))
    }

    /// Time goes on: what no frame shows may be due. Gives the frames that are to be written before those to come.
    pub fn advance(&mut self, now: Time, out: &mut Vec<(Frame, String)>) {
        while let Some(moment) = self.moments.front().copied().filter(|moment| *moment <= now) {
            self.moments.pop_front();
            self.pick(moment, out);
        }
    }

    /// Takes a frame that is wanted, and gives what is to be written.
    pub fn take(&mut self, frame: Frame, out: &mut Vec<(Frame, String)>) {
        if let Some(words) = self.cited.remove(&(frame.input, frame.frame)) {
            self.pick(frame.at, out);
            out.push(self.written(frame, &words.join("; ")));
            return;
        }
        let (left, until) = self.after;
        if left > 0 && frame.at <= until {
            self.after.0 = left.saturating_sub(1);
            out.push(self.written(frame, CONTEXT));
            return;
        }
        if self.before.len() >= BEFORE_MAX {
            self.before.pop_front();
        }
        self.before.push_back(frame);
    }

    /// Evidence that was not met: the inputs are not those that the report was made of.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.cited.len()
    }

    /// Makes what is around `at` context.
    fn pick(&mut self, at: Time, out: &mut Vec<(Frame, String)>) {
        for frame in std::mem::take(&mut self.before) {
            if frame.at >= at - AROUND {
                out.push(self.written(frame, CONTEXT));
            }
        }
        self.after = (AFTER_MAX, at + AROUND);
    }

    fn written(&self, frame: Frame, words: &str) -> (Frame, String) {
        let mut comment = format!("{}, {words}", self.called);
        if frame.masked.bytes > 0 {
            let sums = if frame.masked.is_sum_cleared {
                "the checksum is zero, for bytes are missing"
            } else {
                "checksums recomputed"
            };
            let _ = write!(comment, "; masked: {} bytes overwritten, {sums}", frame.masked.bytes);
        }
        (frame, comment)
    }
}

/// The addresses of the devices of a report that are called so, now or before.
#[must_use]
pub fn addresses(report: &Report, is_meant: impl Fn(&str) -> bool) -> Addresses {
    let devices = report
        .devices
        .iter()
        .filter(|device| is_meant(&device.id) || device.aliases.iter().any(|it| is_meant(it)));
    let mut addresses = Addresses::default();
    for device in devices {
        addresses.0.extend(device.mac.as_deref().and_then(|mac| Mac::from_text(mac.as_bytes())));
        addresses.1.extend(device.ips.iter().filter_map(|ip| ip.parse::<IpAddr>().ok()));
    }
    addresses
}

/// The address that an ARP packet is about (RFC 826, IPv4 over Ethernet).
fn asked_for(peeled: &Peeled, bytes: &[u8]) -> Option<IpAddr> {
    let layers = &peeled.layers;
    if layers.network != Network::EtherType(ARP) {
        return None;
    }
    let at = (layers.transport_at as usize).checked_add(ARP_TARGET)?;
    let ip: [u8; 4] = *peeled.bytes(bytes).get(at..)?.first_chunk()?;
    Some(Ipv4Addr::from(ip).into())
}

const CONTEXT: &str = "context";
const ARP: u16 = 0x0806;
const ARP_TARGET: usize = 24;

/// Context before and behind each piece of evidence: what a person reads, not what a disk holds.
const BEFORE_MAX: usize = 200;
const AFTER_MAX: usize = 200;
/// How far from a piece of evidence, before and behind it, context may lie.
pub const AROUND: Span = Span::seconds(30);

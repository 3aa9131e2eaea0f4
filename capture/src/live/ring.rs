//! One port that is listened on: [`Ring`], libpcap's ring of frames, and those of them that wait to be merged.
//!
//! ```text
//! kernel's ring ──► read() ──► waiting ──► the merge takes what every ring has been read up to
//!  (fills: drops,                                └ complete(): the last stamp, or the last moment it was empty
//!   counted by it)                                 less LAG
//! ```
//!
//! The ring is the one queue that overflows: while nobody takes frames from it they stay there, and the kernel counts
//! what finds no room. libpcap puts the VLAN tags back that the kernel keeps beside a frame.
//!
//! Reading never blocks: of a ring of this kind (TPACKET_V3) a blocking read does not return on an idle link, whatever the
//! timeout. It is poll(2) that waits. A frame becomes visible when its part of the ring is full, or [`RETIRE_MS`] old.
//!
//! Source: Linux, `Documentation/networking/packet_mmap.rst`; `pcap(3PCAP)`, `pcap_stats(3PCAP)`.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use pcap::{Active, Capture, Device, Direction, Packet, Precision};
use spanwatch_parsers::{LinkType, Span, Time};

use super::clocks::{Now, restamped};
use super::ends::{Ends, expression};
use super::port::{Port, PortError};
use super::{Settings, Word};
use crate::block::{Block, Pool};
use crate::input::{InputReport, PortReport};
use crate::link_type::{link_type_name, normal};

/// A port's frames.
pub(super) struct Ring {
    pub(super) port: Port,
    /// Of a port to which mirrors are addressed: what keeps the kernel from answering.
    ends: Option<Ends>,
    capture: Capture<Active>,
    pub(super) link: LinkType,
    pub(super) is_up: bool,
    pub(super) waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// The running maximum of its stamps.
    key: Time,
    /// When it was last found empty.
    emptied: Time,
    /// How far the clock was set, while frames stamped before may still come.
    set: Option<Span>,
    /// Frames delivered.
    pub(super) frames: u64,
    bytes: u64,
    first: Option<Time>,
    last: Option<Time>,
    frame_max: u32,
    joined: u64,
    counted: Counts,
    pub(super) dropped: u64,
}

/// A frame that was read and not yet delivered.
pub(super) struct Waiting {
    pub(super) at: Time,
    /// By which it is merged.
    pub(super) key: Time,
    pub(super) wire_length: u32,
    pub(super) block: Arc<Block>,
    pub(super) start: usize,
    pub(super) length: usize,
}

/// What libpcap counted so far; it wraps.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    received: u32,
    kernel: u32,
    port: u32,
}

/// What was lost since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) by_kernel: u32,
    pub(super) by_port: u32,
    /// All that arrived, these among them.
    pub(super) of: u64,
}

impl Ring {
    /// Begins to listen on a port: to all that comes, or with `ends` to mirrors that are addressed to it.
    ///
    /// # Errors
    /// What libpcap says; usually that we may not.
    pub(super) fn open(
        port: Port,
        ends: Option<Ends>,
        settings: &Settings,
        now: Now,
    ) -> Result<Self, PortError> {
        let name = port.name().to_owned();
        let refused =
            |error: pcap::Error| PortError::Refused { name: name.clone(), reason: error.to_string() };
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let mut capture = Capture::from_device(Device::from(name.as_str()))
            .map_err(refused)?
            .promisc(ends.is_none())
            .snaplen(number(settings.snaplen))
            .buffer_size(number(settings.ring_bytes))
            .timeout(RETIRE_MS)
            .precision(Precision::Nano)
            .open()
            .and_then(Capture::setnonblock)
            .map_err(refused)?;
        let filter = settings.filter.as_deref();
        let filter = if ends.is_some() { Some(expression(filter)) } else { filter.map(str::to_owned) };
        if let Some(expression) = filter {
            capture.filter(&expression, true).map_err(refused)?;
        }
        if ends.is_some() {
            capture.direction(Direction::In).map_err(refused)?;
        }
        let link = normal(u32::try_from(capture.get_datalink().0).unwrap_or_default());
        let frame_max = port.frame_max();
        Ok(Self {
            is_up: port.is_up(),
            port,
            ends,
            capture,
            link,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            key: Time::MIN,
            emptied: now.wall,
            set: None,
            frames: 0,
            bytes: 0,
            first: None,
            last: None,
            frame_max,
            joined: 0,
            counted: Counts::default(),
            dropped: 0,
        })
    }

    /// To be waited on.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.capture.as_fd()
    }

    /// Reads what is there, as far as there is room; `now` was read before.
    pub(super) fn read(&mut self, now: Now, pool: &Arc<Pool>) -> Option<Word> {
        let had_joined = self.joined;
        let mut longest = 0;
        while self.waiting_bytes < WAITING_BYTES {
            let Self { capture, waiting, waiting_bytes, key, set, joined, .. } = self;
            let mut intake = Intake { pool, block: None, end: 0, fresh: Vec::new(), waiting };
            let taken = capture.dispatch(Some(AT_ONCE), |packet| {
                let at = set.map_or_else(|| stamp(&packet), |set| restamped(stamp(&packet), set, now.wall));
                *key = at.max(*key);
                *waiting_bytes = waiting_bytes.saturating_add(packet.data.len().max(FRAME_COSTS));
                if packet.header.len > self.frame_max {
                    *joined = joined.saturating_add(1);
                    longest = packet.header.len.max(longest);
                }
                intake.take(&packet, at, *key);
            });
            intake.seal();
            match taken {
                Ok(0) => {
                    (self.emptied, self.set) = (now.wall, None);
                    break;
                }
                Ok(_) => {}
                // The port is down or gone; which of the two the port itself is asked.
                Err(_) => break,
            }
        }
        let is_first = had_joined == 0 && self.joined > 0;
        is_first.then_some(Word::Joined { bytes: longest, most: self.frame_max })
    }

    /// All frames stamped before were read.
    pub(super) fn complete(&self) -> Time {
        self.key.max(self.emptied - LAG)
    }

    /// Takes the frame that waits longest.
    pub(super) fn take(&mut self) -> Option<Waiting> {
        let frame = self.waiting.pop_front()?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(frame.length.max(FRAME_COSTS));
        self.frames = self.frames.saturating_add(1);
        self.bytes = self.bytes.saturating_add(frame.length as u64);
        self.first = Some(self.first.map_or(frame.at, |first| first.min(frame.at)));
        self.last = self.last.max(Some(frame.at));
        Some(frame)
    }

    /// Says that the clock was set; every frame that was waiting has been taken.
    pub(super) fn clock_set(&mut self, by: Span, now: Now) {
        (self.key, self.emptied, self.set) = (Time::MIN, now.wall, Some(by));
    }

    /// Asks what was lost since the last time, if anything.
    pub(super) fn lost(&mut self) -> Option<Lost> {
        let stat = self.capture.stats().ok()?;
        let now = Counts { received: stat.received, kernel: stat.dropped, port: stat.if_dropped };
        let before = std::mem::replace(&mut self.counted, now);
        let by_kernel = now.kernel.wrapping_sub(before.kernel);
        let by_port = now.port.wrapping_sub(before.port);
        let lost = u64::from(by_kernel).saturating_add(by_port.into());
        // The kernel's drops are among what it received, the port's are not.
        let arrived = u64::from(now.received.wrapping_sub(before.received)).saturating_add(by_port.into());
        self.dropped = self.dropped.saturating_add(lost);
        (lost > 0).then_some(Lost { by_kernel, by_port, of: arrived.max(lost) })
    }

    /// Tells what it was.
    pub(super) fn report(&self) -> InputReport {
        InputReport {
            name: self.port.name().to_owned(),
            sha256: None,
            bytes: self.bytes,
            packets: self.frames,
            filtered: 0,
            format: if self.ends.is_some() { "live tunnel" } else { "live" }.to_owned(),
            link_type: link_type_name(self.link).into_owned(),
            first: self.first,
            last: self.last,
            dropped: Some(self.dropped),
            other_blocks: 0,
            error: None,
            port: Some(PortReport {
                sent: self.ends.is_none().then(|| self.port.sent()),
                joined: self.joined,
            }),
        }
    }
}

/// Frames on their way from the ring into blocks.
struct Intake<'a> {
    pool: &'a Arc<Pool>,
    block: Option<Block>,
    /// Bytes of the block that are filled.
    end: usize,
    /// Of the block: stamp, key, length on the wire, start, length.
    fresh: Vec<(Time, Time, u32, usize, usize)>,
    waiting: &'a mut VecDeque<Waiting>,
}

impl Intake<'_> {
    fn take(&mut self, packet: &Packet<'_>, at: Time, key: Time) {
        let length = packet.data.len();
        let has_room = self.block.as_mut().is_some_and(|block| block.room(self.end).len() >= length);
        if !has_room {
            self.seal();
            self.block = Some(self.pool.take(length));
        }
        let room = self.block.as_mut().and_then(|block| block.room(self.end).get_mut(..length));
        if let Some(room) = room {
            room.copy_from_slice(packet.data);
        }
        self.fresh.push((at, key, packet.header.len, self.end, length));
        self.end = self.end.saturating_add(length);
    }

    /// Lets others read the block.
    fn seal(&mut self) {
        self.end = 0;
        let Some(block) = self.block.take().map(Arc::new) else { return };
        let placed = self.fresh.drain(..).map(|(at, key, wire_length, start, length)| Waiting {
            at,
            key,
            wire_length,
            block: Arc::clone(&block),
            start,
            length,
        });
        self.waiting.extend(placed);
    }
}

fn stamp(packet: &Packet<'_>) -> Time {
    let (seconds, nanoseconds) = (packet.header.ts.tv_sec, packet.header.ts.tv_usec);
    Time(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds))
}

/// Milliseconds after which the kernel shows what it has.
pub(super) const RETIRE_MS: i32 = 100;
/// A ring that was found empty held nothing older than this: the time above, and as much for a late timer.
const LAG: Span = Span::millis(200);
/// Frames read in one go.
const AT_ONCE: usize = 1_024;
/// Bytes of a ring's frames that wait for other rings; what is more stays in the ring.
const WAITING_BYTES: usize = 32 << 20;
/// A frame takes up at least so much, so that many small ones are bounded too.
const FRAME_COSTS: usize = 128;

//! Receive windows (RFC 9293, 3.8.6): a recorder whose disk is busy does not read, and its buffers fill.
//!
//! ```text
//! window  501 ───────┐                         ┌─── the disk is done: window update, what waited is sent
//!                    └──┐                      │
//!                       └──┐ each picture      │
//!           0              └───── probe ─ probe┘
//!                    ├──────── busy ───────────┤
//! ```
//!
//! The window never shrinks from the right: what was granted stays granted.

use super::{ACKNOWLEDGES_AFTER, ConnectionId, End, Part, Side};
use crate::fabric::HostId;
use crate::options::{MILLISECOND, SECOND};
use crate::random::Random;
use crate::site::Role;
use crate::wire::tcp::{ACK, PSH};
use crate::world::{Event, World};

/// A side whose program does not read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lag {
    /// Up to here its buffer takes bytes.
    edge: u32,
    /// When it reads again.
    reads_at: i64,
}

/// When a recorder's disk is busy: once in each slot of time, whoever asks and in whatever order.
#[derive(Debug)]
pub struct Disk {
    seed: u64,
    slot: i64,
    from: i64,
    to: i64,
}

impl Disk {
    /// The disk of a host.
    pub fn of(seed: u64, host: HostId) -> Self {
        let seed = Random::of(seed, "disk", host as u64).bits();
        Self { seed, slot: i64::MIN, from: 0, to: 0 }
    }

    /// Until when it is busy at that time.
    fn busy_until(&mut self, at: i64) -> Option<i64> {
        let slot = at.div_euclid(SLOT);
        if slot != self.slot {
            let mut random = Random::of(self.seed, "slot", slot as u64);
            let is_long = random.chance(LONG_PPM);
            let (least, most) = if is_long { LONG } else { SHORT };
            self.slot = slot;
            self.from = slot * SLOT + random.between(0, SLOT - LONG.1);
            self.to = self.from + random.between(least, most);
        }
        (self.from..self.to).contains(&at).then_some(self.to)
    }
}

impl End {
    /// The window that it grants together with this acknowledgement, as it stands in the header.
    pub(super) fn window(&self, acknowledgement: u32) -> u16 {
        self.lag.map_or(WINDOW, |lag| (room(lag.edge, acknowledgement) >> WINDOW_SCALE) as u16)
    }
}

impl World<'_> {
    /// Until when a host writes to its disk and reads nothing.
    pub(super) fn busy_until(&mut self, host: HostId, at: i64) -> Option<i64> {
        let is_recorder = self.site.hosts[host].role == Role::Recorder;
        if is_recorder { self.hosts[host].disk.busy_until(at) } else { None }
    }

    /// Media is about to be sent to a side that does not read it.
    pub(super) fn fall_behind(&mut self, at: i64, id: ConnectionId, side: Side) {
        let [own, other] = self.both(id, side);
        let has_media = own.queue.iter().any(|part| part.media.is_some() && !part.is_sent);
        let (reader, edge) = (other.host, own.delivered.wrapping_add(u32::from(WINDOW) << WINDOW_SCALE));
        if other.lag.is_some() || !has_media {
            return;
        }
        if let Some(reads_at) = self.busy_until(reader, at) {
            let generation = self.connections[id].generation;
            self.end(id, side.other()).lag = Some(Lag { edge, reads_at });
            self.agenda.at(reads_at, Event::Reads(id, generation, side.other()));
        }
    }

    /// Whether the other side has room for the part at `index`.
    pub(super) fn has_room(&mut self, id: ConnectionId, side: Side, index: usize) -> bool {
        let [own, other] = self.both(id, side);
        let part = &own.queue[index];
        other.lag.is_none_or(|lag| room(lag.edge, part.sequence) >= part.length())
    }

    /// Fills what is left of the window, or sends one byte more than it takes (RFC 9293, 3.8.6.1).
    pub(super) fn probe(&mut self, at: i64, id: ConnectionId, side: Side, index: usize) {
        let [own, other] = self.both(id, side);
        let sequence = own.queue[index].sequence;
        let left = other.lag.map_or(0, |lag| room(lag.edge, sequence)) as usize;
        let arrives = if left > 0 && left < own.queue[index].data.len() {
            let front = own.queue[index].split(left);
            own.queue.insert(index, front);
            let arrives = self.send_part(at, id, side, index);
            let front = &mut self.end(id, side).queue[index];
            (front.is_sent, front.is_received) = (true, arrives.is_some());
            self.take_delivered(arrives.unwrap_or(at), id, side);
            arrives
        } else {
            let data = super::media::cut(&own.queue[index].data, 0, 1);
            self.transmit(at, id, side, (sequence, ACK | PSH, data), &[]).0
        };
        if let Some(then) = arrives {
            self.acknowledge(then + ACKNOWLEDGES_AFTER, id, side.other(), None);
        }
    }

    /// A side reads all that came, and says that it has room again where it had less than half.
    pub(in crate::world) fn reads(&mut self, at: i64, id: ConnectionId, side: Side) {
        let [own, other] = self.both(id, side);
        let Some(lag) = own.lag.filter(|lag| lag.reads_at == at) else { return };
        own.lag = None;
        let had = room(lag.edge, other.delivered) >> WINDOW_SCALE;
        let (host, epoch, is_lost) = (own.host, own.epoch, own.is_lost);
        if is_lost || self.hosts[host].epoch != epoch || had * 2 > u32::from(WINDOW) {
            return;
        }
        let Some(then) = self.acknowledge(at, id, side, None) else { return };
        let sender = self.end(id, side.other());
        if sender.queue.front().is_some_and(|part| !part.is_sent) {
            (sender.again_at, sender.attempt) = (None, 0);
            self.pump(then + ACKNOWLEDGES_AFTER, id, side.other());
        }
    }

    /// When a connection has something to do for one side: to send again, or to read on what it sent.
    pub(in crate::world) fn due_at(&self, id: ConnectionId, side: Side) -> Option<i64> {
        let ends = &self.connections[id].ends;
        let reads_at = ends[side.other() as usize].lag.map(|lag| lag.reads_at);
        [ends[side as usize].again_at, reads_at].into_iter().flatten().min()
    }

    /// Does what is due.
    pub(in crate::world) fn meet(&mut self, at: i64, id: ConnectionId, side: Side) {
        if self.end(id, side.other()).lag.is_some_and(|lag| lag.reads_at == at) {
            self.reads(at, id, side.other());
        } else {
            self.again(at, id, side);
        }
    }
}

impl Part {
    /// Cuts its first bytes off. What it holds of packets counts for what is left.
    fn split(&mut self, at: usize) -> Self {
        let front = Self {
            sequence: self.sequence,
            data: super::media::cut(&self.data, 0, at),
            is_sent: false,
            is_received: false,
            is_fin: false,
            is_last: true,
            note: super::Note::Nothing,
            says: std::mem::take(&mut self.says),
            shown: 0,
            media: None,
            past: crate::tap::Past::Apart,
        };
        self.sequence = self.sequence.wrapping_add(at as u32);
        self.data = super::media::cut(&self.data, at, self.data.len());
        front
    }
}

/// Bytes from a sequence number up to an edge.
const fn room(edge: u32, sequence: u32) -> u32 {
    let room = edge.wrapping_sub(sequence);
    if room > u32::MAX / 2 { 0 } else { room }
}

/// What a receiver has room for, in units of its window scale: 64 kB, as Linux grants at first.
const WINDOW: u16 = 501;
/// The window scale that both sides offer (RFC 7323, 2).
pub(super) const WINDOW_SCALE: u8 = 7;
/// A recorder's disk is busy once in this time ...
const SLOT: i64 = 120 * SECOND;
/// ... for so long, as when a file is closed and the next one begun ...
const SHORT: (i64, i64) = (80 * MILLISECOND, 500 * MILLISECOND);
/// ... or now and then for longer, as when it is full of other writers.
const LONG: (i64, i64) = (3 * SECOND / 2, 5 * SECOND / 2);
const LONG_PPM: u32 = 60_000;

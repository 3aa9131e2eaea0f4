//! What an attentive reader adds up in each second: frames, by side of a flow.
//!
//! A host is simulated a little ahead of others, so that frames of the next second may come before the last of
//! this one; they wait until it is over.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::frame::{Body, Frame, Transport};
use crate::options::{MILLISECOND, SECOND};
use crate::sight::{Copied, Heard, Media, Party, Sight, What};
use crate::wire::{Mac, ip};

/// One side of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Who sends.
    pub from: Party,
    /// Whom to.
    pub to: Party,
    /// IP protocol.
    pub protocol: Option<u8>,
    /// The VLAN tag that the mirror shows.
    pub vlan: Option<u16>,
}

/// Frames at even distances, or several such bursts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frames {
    /// When the first comes.
    pub first: i64,
    /// When the last comes.
    pub last: i64,
    /// How many.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The longest time between two of them, where it is longer than within a burst.
    pub gap: i64,
    /// The TCP time stamp of the first one, which counts milliseconds.
    pub stamp: Option<u32>,
}

/// All sights until the second is over, and the sums of it.
#[derive(Debug, Default)]
pub struct Sums {
    /// When the second is over.
    pub until: i64,
    sights: Vec<Sight>,
    /// Copies of this second, and when the last came.
    copied: Option<(i64, Copied)>,
    sides: HashMap<Key, usize, BuildHasherDefault<Fold>>,
    all: Vec<Side>,
    free: Vec<usize>,
    active: Vec<usize>,
    later: Vec<(usize, Frames)>,
    forget_at: usize,
    numbers: u64,
}

/// What one side of a flow sent in this second.
#[derive(Debug)]
struct Side {
    key: Key,
    heard: Heard,
    before: Option<i64>,
}

impl Key {
    /// Who speaks to whom in a frame.
    #[must_use]
    pub fn of(frame: &Frame, vlan: Option<u16>) -> Self {
        let party = |mac: Mac| Party { mac, ..Party::default() };
        let (mut from, mut to) = (party(frame.source), party(frame.destination));
        let mut protocol = None;
        if let Body::Ip(packet) = &frame.body {
            from.ip = Some(packet.source);
            to.ip = Some(packet.destination);
            from.ttl = packet.ttl;
            let (number, ports) = match &packet.transport {
                Transport::Udp(ports, _) => (ip::UDP, *ports),
                Transport::Tcp(segment, _) => (ip::TCP, segment.ports),
                Transport::Other { protocol, .. } => (*protocol, (0, 0)),
            };
            (from.port, to.port) = ports;
            protocol = Some(number);
        }
        Self { from, to, protocol, vlan }
    }
}

impl Frames {
    /// One frame.
    #[must_use]
    pub const fn one(at: i64, bytes: usize) -> Self {
        Self { first: at, last: at, packets: 1, bytes: bytes as u64, gap: 0, stamp: None }
    }

    /// These and others.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            packets: self.packets + other.packets,
            bytes: self.bytes + other.bytes,
            gap: self.gap.max(other.gap).max(other.first - self.last),
            stamp: if other.first < self.first { other.stamp } else { self.stamp },
        }
    }

    /// Those before a moment, and those from it on.
    #[must_use]
    pub fn split(self, at: i64) -> (Option<Self>, Option<Self>) {
        if self.last < at {
            return (Some(self), None);
        }
        if self.first >= at {
            return (None, Some(self));
        }
        let gaps = self.packets.saturating_sub(1).max(1);
        let step = (self.last - self.first) / gaps as i64;
        let before = 1 + ((at - 1 - self.first) / step.max(1)) as u64;
        let before = before.min(gaps);
        let bytes = self.bytes * before / self.packets.max(1);
        let early = Self { last: self.first + step * (before as i64 - 1), packets: before, bytes, ..self };
        let first = self.first + step * before as i64;
        let passed = ((first - self.first) / MILLISECOND) as u32;
        let late = Self {
            first,
            stamp: self.stamp.map(|stamp| stamp.wrapping_add(passed)),
            packets: self.packets - before,
            bytes: self.bytes - bytes,
            ..self
        };
        (Some(early), Some(late))
    }
}

impl Sums {
    /// Takes what one frame said.
    pub fn say(&mut self, sight: Sight) {
        self.sights.push(sight);
    }

    /// Takes one second of a stream.
    pub fn media(&mut self, key: &Key, media: Media) {
        self.sights.push(key.sight(media.last, What::Media(media)));
    }

    /// Adds copies of a frame, or of several alike.
    pub fn copied(&mut self, at: i64, more: Copied) {
        let (last, copied) = self.copied.get_or_insert_default();
        *last = at.max(*last);
        copied.again += more.again;
        copied.alike += more.alike;
        copied.most = copied.most.max(more.most);
    }

    /// Adds frames of one side of a flow.
    pub fn hear(&mut self, key: &Key, frames: Frames) {
        let index = self.side(key);
        let (now, later) = frames.split(self.until);
        self.later.extend(later.map(|frames| (index, frames)));
        if let Some(frames) = now {
            self.add(index, frames);
        }
    }

    /// Hands on all that was seen before `before`, which ends the second; the next one lasts until `until`.
    pub fn release(&mut self, before: i64, until: i64, mut take: impl FnMut(Sight)) {
        for index in std::mem::take(&mut self.active) {
            let side = &mut self.all[index];
            let heard = side.heard;
            (side.heard.packets, side.heard.bytes, side.heard.longest_gap) = (0, 0, 0);
            let sight = side.key.sight(heard.last, What::Heard(heard));
            self.sights.push(sight);
        }
        if let Some((at, copied)) = self.copied.take() {
            let nobody = Party::default();
            let what = What::Copied(copied);
            self.sights.push(Sight { at, vlan: None, from: nobody, to: nobody, protocol: None, what });
        }
        self.until = until;
        for (index, frames) in std::mem::take(&mut self.later) {
            let (now, later) = frames.split(until);
            self.later.extend(later.map(|frames| (index, frames)));
            if let Some(frames) = now {
                self.add(index, frames);
            }
        }
        self.forget(before - FORGET);
        self.sights.sort_by_cached_key(|sight| sight.at); // Sights are large: each is moved once.
        let count = self.sights.partition_point(|sight| sight.at < before);
        self.sights.drain(..count).for_each(&mut take);
    }

    fn side(&mut self, key: &Key) -> usize {
        if let Some(index) = self.sides.get(key) {
            return *index;
        }
        self.numbers += 1;
        let heard = Heard {
            flow: self.numbers,
            first: 0,
            last: 0,
            packets: 0,
            bytes: 0,
            longest_gap: 0,
            stamp: None,
        };
        let side = Side { key: *key, heard, before: None };
        let index = match self.free.pop() {
            Some(index) => {
                self.all[index] = side;
                index
            }
            None => {
                self.all.push(side);
                self.all.len() - 1
            }
        };
        self.sides.insert(*key, index);
        index
    }

    fn add(&mut self, index: usize, frames: Frames) {
        let Side { heard, before, .. } = &mut self.all[index];
        if heard.packets == 0 {
            (heard.first, heard.last, heard.stamp) = (frames.first, frames.last, frames.stamp);
            self.active.push(index);
        }
        if frames.first < heard.first {
            (heard.first, heard.stamp) = (frames.first, frames.stamp);
        }
        heard.last = heard.last.max(frames.last);
        heard.longest_gap = heard.longest_gap.max(before.map_or(0, |before| frames.first - before));
        heard.longest_gap = heard.longest_gap.max(frames.gap);
        heard.packets += frames.packets;
        heard.bytes += frames.bytes;
        *before = (*before).max(Some(frames.last));
    }

    /// Forgets sides that were last heard before `long_ago`, once there are many more than the last time.
    fn forget(&mut self, long_ago: i64) {
        let used = self.all.len() - self.free.len();
        if used <= self.forget_at.max(SIDES) {
            return;
        }
        for (index, side) in self.all.iter().enumerate() {
            let is_waiting = side.heard.packets > 0 || side.before.is_none_or(|before| before > long_ago);
            if !is_waiting && self.sides.get(&side.key) == Some(&index) {
                self.sides.remove(&side.key);
                self.free.push(index);
            }
        }
        self.forget_at = 2 * (self.all.len() - self.free.len());
    }
}

impl Key {
    const fn sight(&self, at: i64, what: What) -> Sight {
        Sight { at, vlan: self.vlan, from: self.from, to: self.to, protocol: self.protocol, what }
    }
}

/// A hash that is quick and the same on every machine; nobody hostile chooses what is hashed here.
#[derive(Debug, Default)]
struct Fold(u64);

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 29
    }

    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_u16(&mut self, word: u16) {
        self.write_u64(word.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

/// Sides kept before those of long ago are forgotten ...
const SIDES: usize = 10_000;
/// ... and what is long ago.
const FORGET: i64 = 300 * SECOND;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> Key {
        let from = Party { port, ..Party::default() };
        Key { from, to: Party::default(), protocol: Some(ip::UDP), vlan: None }
    }

    fn released(sums: &mut Sums, second: i64) -> Vec<(i64, u64, u64)> {
        let mut heard = Vec::new();
        sums.release(second * SECOND, (second + 1) * SECOND, |sight| match sight.what {
            What::Heard(sum) => heard.push((sum.first, sum.packets, sum.bytes)),
            other => panic!("{other:?}"),
        });
        heard
    }

    #[test]
    fn frames_of_the_next_second_wait_for_it() {
        let mut sums = Sums { until: SECOND, ..Sums::default() };
        sums.hear(&key(1), Frames::one(SECOND + 5, 70));
        sums.hear(&key(1), Frames::one(3, 60));
        sums.hear(&key(1), Frames::one(9, 60));
        assert_eq!(released(&mut sums, 1), [(3, 2, 120)]);
        assert_eq!(released(&mut sums, 2), [(SECOND + 5, 1, 70)]);
        assert_eq!(released(&mut sums, 3), []);
    }

    #[test]
    fn a_burst_over_the_end_of_a_second_is_split() {
        let burst = Frames { first: 80, last: 120, packets: 5, bytes: 500, gap: 0, stamp: None };
        let early = Frames { last: 90, packets: 2, bytes: 200, ..burst };
        let late = Frames { first: 100, packets: 3, bytes: 300, ..burst };
        assert_eq!(burst.split(100), (Some(early), Some(late)));
        assert_eq!(burst.split(121), (Some(burst), None));
        assert_eq!(burst.split(80), (None, Some(burst)));
    }

    #[test]
    fn sides_of_long_ago_are_forgotten() {
        let mut sums = Sums { until: SECOND, ..Sums::default() };
        (0..SIDES as u16).for_each(|port| sums.hear(&key(port), Frames::one(1, 60)));
        released(&mut sums, 1);
        sums.hear(&key(7), Frames::one(400 * SECOND - 1, 60));
        sums.hear(&key(SIDES as u16), Frames::one(400 * SECOND - 1, 60));
        released(&mut sums, 399);
        assert_eq!(released(&mut sums, 400).len(), 2);
        assert_eq!(sums.sides.len(), 2);
    }
}

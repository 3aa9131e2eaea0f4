//! The mirror port: what becomes of the copies, as packets or as sights.

use std::collections::HashMap;
use std::io;

use crate::frame::{Body, Frame, Transport};
use crate::mirror::{self, Form, Order, Way};
use crate::options::SECOND;
use crate::random::Random;
use crate::sight::{Heard, Media, Party, Says, Sight, What};
use crate::wire::{Mac, ip};

/// Takes what the mirror port sends.
pub trait Sink {
    /// One frame: its time, its bytes as captured, its length on the wire. Called in order of time.
    ///
    /// # Errors
    /// Where it cannot be taken.
    fn frame(&mut self, at: i64, bytes: &[u8], wire_length: u32) -> io::Result<()>;
}

/// Takes sights, in order of time.
pub trait Reader {
    /// One sight.
    fn sight(&mut self, sight: Sight);
}

/// Where copies go.
pub enum Out<'o> {
    /// To packets.
    Packets(&'o mut dyn Sink),
    /// To a reader of sights.
    Sights(&'o mut dyn Reader),
}

/// The mirror port.
pub struct Tap<'o> {
    /// Nothing is copied: the site is warming up, or the session is gone.
    pub is_mute: bool,
    /// Copies lost on the way to the mirror port, in a million.
    pub loss_ppm: u32,
    /// Each copy is handed on so many times more.
    pub extra_copies: u8,
    /// What the capturing machine's clock is off, in nanoseconds.
    pub clock_off: i64,
    /// The form of the copies.
    pub form: Form,
    /// By host: what the mirror showed of it.
    pub shown: Vec<Shown>,
    /// Frames of which a copy was handed on.
    pub copied: u64,
    /// Copies handed on as packets.
    pub written: u64,
    /// The times of the first and the last of them, by the capturing machine's clock.
    pub span: Option<(i64, i64)>,
    /// When the capture ends: what comes later is not handed on.
    pub until: i64,
    order: Order<Note>,
    out: Out<'o>,
    buffer: Vec<u8>,
    whole: Vec<u8>,
    sights: Vec<Sight>,
    flows: HashMap<Key, usize>,
    sums: Vec<Sum>,
    flow_numbers: u64,
    random: Random,
}

/// What became of a frame at the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Past {
    /// It did not come by a mirrored port.
    #[default]
    Apart,
    /// It came by, and no copy was handed on.
    Lost,
    /// A copy was handed on, at that time.
    Shown(i64),
}

/// What the mirror showed of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown {
    /// Frames it sent.
    pub frames: u64,
    /// The first.
    pub first: i64,
    /// The last.
    pub last: i64,
}

/// What the form of a copy needs to know: direction, VLAN, port.
type Note = (Way, u16, u16);

/// One side of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    from: Party,
    to: Party,
    protocol: u8,
}

/// What one side of a flow sent in this second.
struct Sum {
    key: Key,
    heard: Heard,
    before: Option<i64>,
}

/// A frame past the mirror.
#[derive(Debug, Clone, Copy)]
pub struct Passing {
    /// Who sent it, by number.
    pub host: usize,
    /// When it was sent.
    pub at: i64,
    /// Its VLAN.
    pub vlan: u16,
}

impl<'o> Tap<'o> {
    /// A mirror port that works.
    #[must_use]
    pub fn new(out: Out<'o>, form: Form, hosts: usize, random: Random) -> Self {
        Self {
            is_mute: false,
            loss_ppm: 0,
            extra_copies: 0,
            clock_off: 0,
            form,
            shown: vec![Shown::default(); hosts],
            copied: 0,
            written: 0,
            span: None,
            until: i64::MAX,
            order: Order::default(),
            out,
            buffer: Vec::new(),
            whole: Vec::new(),
            sights: Vec::new(),
            flows: HashMap::new(),
            sums: Vec::new(),
            flow_numbers: 0,
            random,
        }
    }

    /// Whether bytes are wanted, or only what they say.
    #[must_use]
    pub const fn wants_bytes(&self) -> bool {
        matches!(self.out, Out::Packets(_))
    }

    /// Hands on the copies of one frame.
    pub fn copy(
        &mut self,
        passing: Passing,
        copies: &[(i64, Way, u16)],
        frame: &Frame,
        says: &[Says],
    ) -> Past {
        if copies.is_empty() {
            return Past::Apart;
        }
        if self.is_mute {
            return Past::Lost;
        }
        let mut past = Past::Lost;
        let mut is_written = false;
        for &(after, way, port) in copies {
            for extra in 0..=i64::from(self.extra_copies) {
                if self.is_lost() {
                    // A tunnel has numbered it all the same.
                    if self.form.tunnel.is_some() {
                        self.form.sequence = self.form.sequence.wrapping_add(1);
                    }
                    continue;
                }
                let at = passing.at + after + extra * COPY_DELAY;
                if at >= self.until {
                    continue;
                }
                if past == Past::Lost {
                    self.note(passing, at, frame, says);
                    past = Past::Shown(at);
                }
                if self.wants_bytes() {
                    if !is_written {
                        self.whole.clear();
                        frame.write(&mut self.whole);
                        is_written = true;
                    }
                    self.order.push(at, &self.whole, (way, passing.vlan, port));
                }
            }
        }
        past
    }

    fn is_lost(&mut self) -> bool {
        self.loss_ppm > 0 && self.random.chance(self.loss_ppm)
    }

    fn note(&mut self, passing: Passing, at: i64, frame: &Frame, says: &[Says]) {
        let shown = &mut self.shown[passing.host];
        if shown.frames == 0 {
            shown.first = at;
        }
        shown.frames += 1;
        shown.last = shown.last.max(at);
        self.copied += 1;
        if self.wants_bytes() {
            return;
        }
        let key = key(frame);
        let protocol = Some(key.protocol).filter(|protocol| *protocol != 0);
        for said in says {
            let what = What::Said(said.clone());
            self.sights.push(Sight { at, from: key.from, to: key.to, protocol, what });
        }
        let index = *self.flows.entry(key).or_insert_with(|| {
            self.flow_numbers += 1;
            let heard =
                Heard { flow: self.flow_numbers, first: at, last: at, packets: 0, bytes: 0, longest_gap: 0 };
            self.sums.push(Sum { key, heard, before: None });
            self.sums.len() - 1
        });
        let sum = &mut self.sums[index];
        if sum.heard.packets == 0 {
            sum.heard.first = at;
        }
        if let Some(before) = sum.before {
            sum.heard.longest_gap = sum.heard.longest_gap.max(at - before);
        }
        sum.before = Some(at);
        sum.heard.last = at;
        sum.heard.packets += 1;
        sum.heard.bytes += frame.len() as u64;
    }

    /// What becomes of a frame of media that is not made; it is counted as if it were.
    pub fn counts(&mut self, passing: Passing, copies: &[(i64, Way, u16)]) -> Past {
        let Some((after, ..)) = copies.first() else { return Past::Apart };
        let at = passing.at + after;
        if self.is_mute || at >= self.until || copies.iter().all(|_| self.is_lost()) {
            return Past::Lost;
        }
        let shown = &mut self.shown[passing.host];
        if shown.frames == 0 {
            shown.first = at;
        }
        shown.frames += 1;
        shown.last = shown.last.max(at);
        self.copied += 1;
        Past::Shown(at)
    }

    /// Takes one second of a stream whose packets were not made.
    pub fn media(&mut self, from: Party, to: Party, media: Media, protocol: u8) {
        let what = What::Media(media);
        self.sights.push(Sight { at: media.last, from, to, protocol: Some(protocol), what });
    }

    /// Hands on all that was copied before `before`.
    ///
    /// # Errors
    /// Where the sink cannot take it.
    pub fn release(&mut self, before: i64) -> io::Result<()> {
        let clock_off = self.clock_off;
        match &mut self.out {
            Out::Packets(sink) => {
                let mut failed = None;
                let (form, buffer) = (&mut self.form, &mut self.buffer);
                let (written, span) = (&mut self.written, &mut self.span);
                self.order.release(before, |at, frame, (way, vlan, port)| {
                    if failed.is_none() {
                        let at = at + clock_off;
                        buffer.clear();
                        // Tunnels number what they carry, so that the form is given in the order of time.
                        let wire_length = form.write(&mirror::Copy { at, way, vlan, port, frame }, buffer);
                        failed = sink.frame(at, buffer, wire_length).err();
                        *written += 1;
                        *span = Some(span.map_or((at, at), |(first, _)| (first, at)));
                    }
                });
                failed.map_or(Ok(()), Err)
            }
            Out::Sights(reader) => {
                for sum in &mut self.sums {
                    if sum.heard.packets > 0 {
                        self.sights.push(Sight {
                            at: sum.heard.last,
                            from: sum.key.from,
                            to: sum.key.to,
                            protocol: Some(sum.key.protocol).filter(|protocol| *protocol != 0),
                            what: What::Heard(sum.heard),
                        });
                        sum.heard.packets = 0;
                        sum.heard.bytes = 0;
                        sum.heard.longest_gap = 0;
                    }
                }
                if self.sums.len() > FLOWS_MAX {
                    let recent = before - FORGET;
                    self.sums.retain(|sum| sum.before.is_some_and(|before| before > recent));
                    self.flows = self.sums.iter().enumerate().map(|(index, sum)| (sum.key, index)).collect();
                }
                self.sights.sort_by_key(|sight| sight.at);
                let later = self.sights.partition_point(|sight| sight.at < before);
                for mut sight in self.sights.drain(..later) {
                    sight.at += clock_off;
                    reader.sight(sight);
                }
                Ok(())
            }
        }
    }
}

/// Who speaks to whom in a frame.
fn key(frame: &Frame) -> Key {
    let party = |mac: Mac| Party { mac, ..Party::default() };
    let (mut from, mut to) = (party(frame.source), party(frame.destination));
    let mut protocol = 0;
    if let Body::Ip(packet) = &frame.body {
        from.ip = Some(packet.source);
        to.ip = Some(packet.destination);
        from.ttl = packet.ttl;
        (protocol, from.port, to.port) = match &packet.transport {
            Transport::Udp(ports, _) => (ip::UDP, ports.0, ports.1),
            Transport::Tcp(segment, _) => (ip::TCP, segment.ports.0, segment.ports.1),
            Transport::Other { protocol, .. } => (*protocol, 0, 0),
        };
    }
    Key { from, to, protocol }
}

/// How long after a frame its second copy comes.
const COPY_DELAY: i64 = 4_000;
/// Flows kept before those of long ago are forgotten ...
const FLOWS_MAX: usize = 20_000;
/// ... and what is long ago.
const FORGET: i64 = 300 * SECOND;
